// stats.test.js - what is said of a connection, from reports as Chromium and Firefox give them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Quota } from '../../src/page/client/bytes.js';
import { Link } from '../../src/page/client/link.js';
import { Meter } from '../../src/page/client/stats.js';
import { FakeConnection, begin, end, makeConnectionsOf, tick, turns } from './lib/webrtc.js';

const BEGUN = 1_000_000;
const NOTHING = { sent: 0, received: 0 };
const UNKNOWN = { candidateTypes: { local: undefined, remote: undefined }, protocol: undefined };

/** As of Chromium 156: two pairs that work, of which the transport has selected one. */
const chromium = (ms, { sent, received, lost = 0 }) => [
  { id: 'CP1', type: 'candidate-pair', timestamp: BEGUN + ms, bytesSent: sent, bytesReceived: received, currentRoundTripTime: 0.025,
    localCandidateId: 'I1', remoteCandidateId: 'I2', nominated: true, state: 'succeeded', transportId: 'T01', writable: true },
  { id: 'CP2', type: 'candidate-pair', timestamp: BEGUN + ms, bytesSent: 300, bytesReceived: 200, currentRoundTripTime: 0.5,
    localCandidateId: 'I3', remoteCandidateId: 'I2', nominated: true, state: 'succeeded', transportId: 'T01', writable: false },
  { id: 'D1', type: 'data-channel', timestamp: BEGUN + ms, bytesSent: 7, bytesReceived: 7, dataChannelIdentifier: 0, label: '', state: 'open' },
  { id: 'I1', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls', isRemote: false },
  { id: 'I2', type: 'remote-candidate', candidateType: 'srflx', protocol: 'udp', isRemote: true },
  { id: 'I3', type: 'local-candidate', candidateType: 'host', protocol: 'udp', isRemote: false },
  { id: 'RIV1', type: 'remote-inbound-rtp', kind: 'video', packetsLost: 9, fractionLost: lost, roundTripTime: 0.04 },
  { id: 'RIA1', type: 'remote-inbound-rtp', kind: 'audio', packetsLost: 0, fractionLost: 0, roundTripTime: 0.04 },
  { id: 'T01', type: 'transport', bytesSent: sent + 300, bytesReceived: received + 200, selectedCandidatePairId: 'CP1', dtlsState: 'connected' },
];

/** As of Firefox 153, whose transport counts nothing. */
const firefox = (ms, { sent, received }) => [
  { id: '{6c1d}', type: 'peer-connection', timestamp: BEGUN + ms, dataChannelsOpened: 1 },
  { id: 'f90d', type: 'candidate-pair', timestamp: BEGUN + ms, bytesSent: sent, bytesReceived: received, currentRoundTripTime: 0.003,
    localCandidateId: '8ce3', remoteCandidateId: '959a', nominated: true, readable: true, selected: true, state: 'succeeded' },
  { id: '8ce3', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
  { id: '8d2a', type: 'local-candidate', candidateType: 'host', protocol: 'tcp', tcpType: 'active' },
  { id: '959a', type: 'remote-candidate', candidateType: 'prflx', protocol: 'udp' },
  { id: '7474', type: 'transport', dtlsState: 'connected', selectedCandidatePairId: 'f90d' },
];

test.beforeEach(begin);
test.afterEach(end);

test('Chromium’s report: the selected pair’s candidates, what all pairs carried, and what of the media was lost', () => {
  const meter = new Meter(BEGUN);
  const report = chromium(2_000, { sent: 700, received: 800, lost: 0.5 });
  assert.deepEqual(meter.read({ path: 'turn', report, pair: report[0], relayed: NOTHING }), {
    path: 'turn', rtt: 25, loss: 0.25, sent: { bytes: 1_000, rate: 500 }, received: { bytes: 1_000, rate: 500 },
    candidateTypes: { local: 'relay', remote: 'srflx' }, protocol: 'tls',
  });
});

test('Firefox’s report: the same, and no loss where there is no media', () => {
  const meter = new Meter(BEGUN);
  const report = firefox(500, { sent: 1_000, received: 250 });
  assert.deepEqual(meter.read({ path: 'direct', report, pair: report[1], relayed: NOTHING }), {
    path: 'direct', rtt: 3, loss: undefined, sent: { bytes: 1_000, rate: 2_000 }, received: { bytes: 250, rate: 500 },
    candidateTypes: { local: 'host', remote: 'prflx' }, protocol: 'udp',
  });
});

test('a Firefox that does not measure a pair says what the media took', () => {
  const [, pair] = firefox(500, { sent: 0, received: 0 });
  delete pair.currentRoundTripTime;
  const rtt = (...media) => new Meter(BEGUN).read({ path: 'direct', report: [pair, ...media], pair, relayed: NOTHING }).rtt;
  assert.equal(rtt({ id: 'r', type: 'remote-inbound-rtp', roundTripTime: 0.012 }), 12);
  assert.equal(rtt(), undefined);
});

test('bytes a second are those since the last reading; the same report again changes nothing', () => {
  const meter = new Meter(BEGUN);
  const read = (ms, sent, received) => meter.read({ path: 'direct', report: firefox(ms, { sent, received }), relayed: NOTHING });
  read(1_000, 5_000, 0);
  const second = read(3_000, 6_000, 40);
  assert.deepEqual([second.sent, second.received], [{ bytes: 6_000, rate: 500 }, { bytes: 40, rate: 20 }]);
  assert.deepEqual(read(3_000, 6_000, 40), second);
});

test('bytes are added up over pairs that go, connections made anew, and what went through the server', () => {
  const meter = new Meter(BEGUN);
  const relayed = { sent: 0, received: 10 };
  meter.read({ path: 'direct', report: firefox(1_000, { sent: 5_000, received: 100 }), relayed });
  meter.read({ path: '', report: [{ id: 'T01', type: 'transport' }, { id: 'CP9', type: 'candidate-pair', timestamp: BEGUN + 1_500 }], relayed });
  relayed.sent = 500;
  const { sent, received } = meter.read({ path: 'turn', report: chromium(3_500, { sent: 700, received: 800 }), relayed });
  assert.deepEqual([sent, received], [{ bytes: 6_500, rate: 750 }, { bytes: 1_110, rate: 500 }]);
});

test('of a way through the server the bytes are known, and of WebRTC’s attempts nothing is said', () => {
  const meter = new Meter(Date.now());
  tick(2_000);
  assert.deepEqual(meter.read({ path: 'server', report: [], relayed: { sent: 100, received: 50 } }), {
    path: 'server', rtt: undefined, loss: undefined, sent: { bytes: 100, rate: 50 }, received: { bytes: 50, rate: 25 }, ...UNKNOWN,
  });
  const report = chromium(0, { sent: 0, received: 0 });
  const { rtt, loss, candidateTypes, protocol } = meter.read({ path: 'server', report, pair: report[0], relayed: NOTHING });
  assert.deepEqual({ rtt, loss, candidateTypes, protocol }, { rtt: undefined, loss: undefined, ...UNKNOWN });
});

test('a peer’s are those of its browser’s report, of an idle one there are none', async () => {
  let report = [];
  makeConnectionsOf(class extends FakeConnection {
    async getStats() { return new Map(report.map((one) => [one.id, one])); }
  });
  const link = new Link({ id: 'bob', polite: false, maxReceive: 1, quota: new Quota(1) }, {
    relay: async () => {}, withdraw() {}, iceServers: async () => [], data: () => true, control() {}, chunk() {}, changed() {}, lost() {}, opened() {}, ended() {}, gone() {}, anew() {},
  });
  const { peer } = link;
  assert.deepEqual(await peer.stats(), {
    path: '', rtt: undefined, loss: undefined, sent: { bytes: 0, rate: 0 }, received: { bytes: 0, rate: 0 }, ...UNKNOWN,
  });
  link.connect(false);
  await turns();
  for (const of of [chromium, firefox]) {
    report = of(0, { sent: 1, received: 1 });
    const { rtt, protocol } = await peer.stats();
    assert.deepEqual([rtt, protocol], of === chromium ? [25, 'tls'] : [3, 'udp']);
  }
  link.close();
});
