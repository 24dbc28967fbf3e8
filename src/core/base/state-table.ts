/**
 * State machines as data: row = state, column = event, cell = next state and named actions. A hole means that the event
 * is ignored in that state, on purpose. The same value drives the machine and is printed for people.
 */

/** `same` keeps the state. */
export interface Step<State extends string, Action extends string> {
  readonly next: State | 'same';
  readonly actions: readonly Action[];
}

/** A guard is a named question about the one that the machine is of, answered when the event happens. */
export interface Fork<State extends string, Action extends string, Guard extends string> {
  readonly when: Guard;
  readonly yes: Cell<State, Action, Guard>;
  readonly no: Cell<State, Action, Guard>;
}

export type Cell<State extends string, Action extends string, Guard extends string> =
  | Step<State, Action>
  | Fork<State, Action, Guard>;

export type StateTable<
  Row extends string,
  Event extends string,
  State extends string,
  Action extends string,
  Guard extends string,
> = Readonly<Record<Row, Readonly<Partial<Record<Event, Cell<State, Action, Guard>>>>>>;

/** Follows the forks of a cell to a step. */
export function resolve<State extends string, Action extends string, Guard extends string>(
  cell: Cell<State, Action, Guard>,
  ask: (guard: Guard) => boolean,
): Step<State, Action> {
  if (!('when' in cell)) return cell;
  return resolve(ask(cell.when) ? cell.yes : cell.no, ask);
}

/** The table as text, one line per state; `.` is a hole. */
export function formatStateTable<Row extends string, Event extends string>(
  table: StateTable<Row, Event, string, string, string>,
  states: readonly Row[],
  events: readonly Event[],
): string {
  const rows = [['', ...events], ...states.map((state) => [state, ...events.map((e) => formatCell(table[state][e]))])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]!))
        .join(' | ')
        .trimEnd(),
    )
    .join('\n');
}

function formatCell(cell: Cell<string, string, string> | undefined): string {
  if (cell === undefined) return '.';
  if ('when' in cell) return `${cell.when}? ${formatCell(cell.yes)} : ${formatCell(cell.no)}`;
  return cell.actions.length === 0 ? cell.next : `${cell.next} (${cell.actions.join(', ')})`;
}
