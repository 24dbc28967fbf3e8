import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { interfaceConfig } from '../../sim/network.ts';
import { speakerContract } from './speaker-contract.ts';

speakerContract('fake', () => ({
  speaker: new FakeSpeaker('outside', [interfaceConfig('eth1')]),
  pass: async () => {},
}));
