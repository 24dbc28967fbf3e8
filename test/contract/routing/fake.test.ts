import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { speakerContract } from './speaker-contract.ts';

speakerContract('fake', () => ({ speaker: new FakeSpeaker('outside'), pass: async () => {} }));
