// The alerts and the dashboard of src/doc: what they ask, on a Prometheus that asks a site.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it as test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { refused } from './lib/http.js';
import { missing, parse, Prometheus } from './lib/prometheus.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until, WAIT_MS } from './lib/wait.js';

const RULES = fileURLToPath(new URL('../../src/doc/prometheus-rules.yml', import.meta.url));
const DASHBOARD = fileURLToPath(new URL('../../src/doc/grafana-dashboard.json', import.meta.url));

const rules = readFileSync(RULES, 'utf8');
const ALERTS = Array.from(rules.matchAll(/^ *- alert: (\w+)$/gm), ([, name]) => name);

const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8'));
/** [its title, an expression] each. */
const QUERIES = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr]));

/** As Grafana fills them in, with all hosts chosen. */
const filledIn = (expr) => expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '30s');

const namesIn = (text) => new Set(text.match(/\bdrawbridge_\w+/g));

/** @typedef {Record<string, string>} Series  of promtool: a value each half a minute */
const refusals = (error, values) => ({ [`drawbridge_refused_total{instance="h",error="${error}"}`]: values });
const relays = (outcome, values) => ({ [`drawbridge_relays_total{instance="h",outcome="${outcome}"}`]: values });
const connects = (outcome, values) => ({ [`drawbridge_connects_total{instance="h",outcome="${outcome}"}`]: values });
const trips = (quick, late) => ({
  'drawbridge_redis_round_trip_seconds_bucket{instance="h",le="0.01"}': quick,
  'drawbridge_redis_round_trip_seconds_bucket{instance="h",le="0.25"}': late,
  'drawbridge_redis_round_trip_seconds_bucket{instance="h",le="+Inf"}': late,
});
const webhooks = (what, outcomes) => Object.fromEntries(Object.entries(outcomes).map(([outcome, values]) =>
  [`drawbridge_webhook_${what}_total{instance="h",outcome="${outcome}"}`, values]));
const gauge = (name, value) => ({ [`drawbridge_${name}{instance="h"}`]: `${value}x80` });
const counter = (name, values) => ({ [`drawbridge_${name}{instance="h"}`]: values });

/** Each alert: what it takes, for 40 minutes, and what is not enough. @type {Record<string, [Series, ...Series[]]>} */
const WHEN = {
  DrawbridgeDown: [{ 'up{job="drawbridge",instance="h"}': '1 0x80' }, { 'up{job="drawbridge",instance="h"}': '1x70 0 0 1x10' }, { 'up{job="other",instance="h"}': '0x80' }],
  DrawbridgeRedisAway: [refusals('redis', '0+1x80'), refusals('redis', '0x80'), refusals('no-peer', '0+9x80')],
  DrawbridgeRedisFlaps: [counter('redis_lost_total', '0+1x80'), counter('redis_lost_total', '0x60 2x20')],
  DrawbridgeRedisErrors: [counter('redis_errors_total', '0+1x80'), counter('redis_errors_total', '0x75 9x5')],
  DrawbridgeRedisEvicts: [{ ...gauge('redis_evicts', 1), ...gauge('redis_maxmemory_bytes', 1e9) },
    { ...gauge('redis_evicts', 1), ...gauge('redis_maxmemory_bytes', 0) }, { ...gauge('redis_evicts', 0), ...gauge('redis_maxmemory_bytes', 1e9) }],
  DrawbridgeRedisSlow: [trips('0+90x80', '0+100x80'), trips('0+1000x80', '0+1001x80')],
  DrawbridgeFull: [refusals('busy', '0+1x80'), refusals('busy', '0x80')],
  DrawbridgeAlmostFull: [gauge('streams', 8001), gauge('streams', 8000)],
  DrawbridgeRateLimited: [refusals('rate', '0+31x80'), refusals('rate', '0+29x80')],
  DrawbridgeTokensRefused: [{ ...refusals('token', '0+6x80'), ...counter('streams_opened_total', '0+5x80') },
    { ...refusals('token', '0+6x80'), ...counter('streams_opened_total', '0+7x80') },
    { ...refusals('token', '0+2x80'), ...counter('streams_opened_total', '0x80') }],
  DrawbridgeRelaysUnknown: [{ ...relays('delivered', '0+100x80'), ...relays('unknown', '0+2x80') },
    { ...relays('delivered', '0+1000x80'), ...relays('unknown', '0+2x80') }, { ...relays('delivered', '0x80'), ...relays('unknown', '0x80') }],
  DrawbridgeKilled: [{ 'drawbridge_streams_ended_total{instance="h",reason="killed"}': '0x70 5x10' }, { 'drawbridge_streams_ended_total{instance="h",reason="stop"}': '0x70 5x10' }],
  DrawbridgeNotResumed: [{ ...connects('not-resumed', '0+5x80'), ...connects('resumed', '0+4x80') },
    { ...connects('not-resumed', '0+5x80'), ...connects('resumed', '0+6x80') }, { ...connects('not-resumed', '0+1x80'), ...connects('resumed', '0x80') }],
  DrawbridgeWebhookFails: [webhooks('requests', { failed: '0+2x80', accepted: '0+1x80' }), webhooks('requests', { failed: '0+1x80', accepted: '0+2x80' })],
  DrawbridgeWebhookLost: [webhooks('events', { 'given-up': '0x70 1x10' }), webhooks('events', { arrived: '0x70 1x10' })],
  DrawbridgeNoSharedMemory: [gauge('shared', 0), gauge('shared', 1)],
};

if (FULL) {
  describe('the alerts', { skip: missing }, () => {
    const promtool = (...args) => {
      const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
    };

    test('promtool takes them, and each says what it means and what to do', () => {
      promtool('check', 'rules', RULES);
      assert.deepEqual(ALERTS, Object.keys(WHEN), 'each has a row here');
      for (const part of rules.split(/^ *- alert: /m).slice(1)) {
        assert.match(part, /^ +summary: "\S/m);
        assert.match(part, /^ +description: >-\n +\S/m);
        assert.match(part, /^ +labels: \{ severity: (critical|warning) \}$/m);
      }
    });

    test('each fires when it should, and not when there is less', () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-rules-'));
      const file = path.join(folder, 'test.yml');
      // All at once, each on a host of its own.
      const all = Object.entries(WHEN).flatMap(([alert, inputs]) => inputs.map((input, i) => ({ alert, host: `${alert}-${i}`, input, fires: !i })));
      writeFileSync(file, JSON.stringify({
        rule_files: [RULES],
        evaluation_interval: '30s',
        tests: [{
          interval: '30s',
          input_series: all.flatMap(({ host, input }) => Object.entries(input).map(([series, values]) => ({ series: series.replace('instance="h"', `instance="${host}"`), values }))),
          promql_expr_test: all.map(({ alert, host, fires }) => ({
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing",instance="${host}"}) or vector(0)`,
            eval_time: '40m',
            exp_samples: [{ labels: '{}', value: Number(fires) }],
          })),
        }],
      }));
      try {
        promtool('test', 'rules', file);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });

  suite('Prometheus', { skip: missing }, (site, it) => {
    it('asks a site: no query of the alerts and the dashboard is an error, and each panel has data', async () => {
      const { host } = site.base();
      const prometheus = await Prometheus.start({ host, path: site.url('/metrics').pathname, rules: RULES });
      try {
        const room = randomId('r');
        const [ann, bob] = await site.room(room, 2);
        const value = async (expr) => Number((await prometheus.query(expr))[0]?.value[1] ?? 0);
        // A rate takes what is counted between two of its looks.
        await until(async () => {
          await ann.relay(bob, 'x', 1);
          await ann.ask('POST', `/${room}/broadcast/x`, '1');
          refused(await ann.ask('POST', '/relay/nobody/x', '1'), 404);
          return await value('sum(rate(drawbridge_relays_total{outcome="delivered"}[30s]))') > 0
            && await value('sum(rate(drawbridge_refused_total{error="no-peer"}[30s]))') > 0;
        }, 'a rate of relays, and of refusals', 4 * WAIT_MS);

        for (const [title, expr] of QUERIES) {
          assert.notEqual((await prometheus.query(filledIn(expr))).length, 0, `${title}: ${expr}`);
        }
        const { groups } = await prometheus.ask('rules');
        const there = groups.flatMap((group) => group.rules);
        assert.deepEqual(there.map(({ name }) => name), ALERTS);
        await until(async () => (await prometheus.ask('rules')).groups.every((group) => group.rules.every(({ health }) => health !== 'unknown')), 'the rules to be evaluated');
        for (const { name, health, lastError, state } of (await prometheus.ask('rules')).groups.flatMap((group) => group.rules)) {
          assert.equal(health, 'ok', `${name}: ${lastError}`);
          assert.notEqual(state, 'firing', name);
        }
      } finally {
        await prometheus.end();
      }
    });

    it('has all that they name', async () => {
      const answer = await site.request('GET', '/metrics');
      const known = namesIn(Object.keys(parse(answer.text)).join('\n'));
      const asked = [...namesIn(rules), ...namesIn(QUERIES.join('\n')), ...namesIn(JSON.stringify(dashboard.templating))];
      assert.deepEqual(asked.filter((name) => !known.has(name)), []);
      const shown = namesIn(QUERIES.join('\n'));
      // Of these an alert tells.
      const alone = ['drawbridge_redis_maxmemory_bytes', 'drawbridge_shared', 'drawbridge_streams_opened_total'];
      assert.deepEqual([...known].filter((name) => !shown.has(name) && !namesIn(rules).has(name)), [], 'each metric is on the dashboard, or in an alert');
      assert.deepEqual([...known].filter((name) => !shown.has(name)).sort(), alone);
    });
  });
}
