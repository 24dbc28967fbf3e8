import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { speakerContract, uplink } from './speaker-contract.ts';

speakerContract('fake', () => ({ speaker: new FakeSpeaker('outside', [uplink('eth1')]), pass: async () => {} }));
