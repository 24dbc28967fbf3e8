/**
 * Where the demo speaks. On a terminal: lines that stay scroll up, and below them one frame is redrawn in place. Without
 * one: lines only. It knows the terminal and nothing of the demo.
 */
export interface Screen {
  /** Lines that stay. */
  print(...lines: readonly string[]): void;
  /** Replaces the frame. Does nothing where there is no terminal. */
  draw(lines: readonly string[]): void;
  /** Takes the frame away and gives the terminal back. Safe to call twice. */
  close(): void;
  readonly live: boolean;
  readonly columns: number;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_REST = '\u001b[K';

export class LineScreen implements Screen {
  readonly live = false;
  readonly columns = 120;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  print(...lines: readonly string[]): void {
    for (const line of lines) this.#write(`${line}\n`);
  }

  draw(): void {}

  close(): void {}
}

export class TerminalScreen implements Screen {
  readonly live = true;
  readonly #stream: NodeJS.WriteStream;
  #frame: readonly string[] = [];
  #hidden = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // However the process ends, the user gets the cursor back.
    process.on('exit', () => this.#showCursor());
  }

  get columns(): number {
    return this.#stream.columns;
  }

  print(...lines: readonly string[]): void {
    this.#stream.write(`${this.#rewind()}${CLEAR_BELOW}${lines.map((line) => `${line}\n`).join('')}${this.#text()}`);
  }

  draw(lines: readonly string[]): void {
    const hide = this.#hidden ? '' : HIDE_CURSOR;
    this.#hidden = true;
    const rewind = this.#rewind();
    // A frame taller than the terminal could not be rewound: its first line would have scrolled away.
    this.#frame = lines.slice(0, Math.max(1, this.#stream.rows - 1));
    this.#stream.write(`${hide}${rewind}${this.#text()}${CLEAR_BELOW}`);
  }

  close(): void {
    this.#stream.write(`${this.#rewind()}${this.#frame.length > 0 ? CLEAR_BELOW : ''}`);
    this.#frame = [];
    this.#showCursor();
  }

  #rewind(): string {
    return this.#frame.length === 0 ? '' : `\r\u001b[${this.#frame.length}A`;
  }

  #text(): string {
    return this.#frame.map((line) => `${line}${CLEAR_REST}\n`).join('');
  }

  #showCursor(): void {
    if (this.#hidden) this.#stream.write(SHOW_CURSOR);
    this.#hidden = false;
  }
}
