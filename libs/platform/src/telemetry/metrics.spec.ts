import { Metrics } from './metrics';

describe('metrics', () => {
  it('count calls and measure them', async () => {
    const metrics = new Metrics();
    metrics.observeCall('relay.send', 'local', 'ok', 0.003);
    metrics.observeCall('relay.send', 'local', 'ok', 0.2);
    metrics.observeCall('relay.send', 'remote', 'relay.recipient_not_found', 0.004);
    metrics.observeHttp('POST', '/api/v1/relay/send', 200);
    const text = await metrics.text();
    expect(text).toContain('banyan_calls_total{operation="relay.send",home="local",outcome="ok"} 2');
    expect(text).toContain('banyan_calls_total{operation="relay.send",home="remote",outcome="relay.recipient_not_found"} 1');
    expect(text).toContain('banyan_call_duration_seconds_bucket{le="0.005",operation="relay.send",home="local"} 1');
    expect(text).toContain('banyan_call_duration_seconds_bucket{le="0.2",operation="relay.send",home="local"} 2');
    expect(text).toContain('banyan_http_requests_total{method="POST",route="/api/v1/relay/send",status="200"} 1');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(metrics.contentType).toContain('text/plain');
  });

  it('ask gauges when they are read, and forget what is gone', async () => {
    const metrics = new Metrics();
    let pools = [{ labels: { domain: 'auth', state: 'waiting' }, value: 3 }];
    metrics.gauge('banyan_pool_connections', 'Connections.', ['domain', 'state'], () => pools);
    expect(await metrics.text()).toContain('banyan_pool_connections{domain="auth",state="waiting"} 3');
    pools = [{ labels: { domain: 'user', state: 'idle' }, value: 1 }];
    const text = await metrics.text();
    expect(text).toContain('banyan_pool_connections{domain="user",state="idle"} 1');
    expect(text).not.toContain('domain="auth"');
  });

  it('are read though one gauge fails and another never answers', async () => {
    const metrics = new Metrics();
    metrics.gauge('banyan_outbox_pending', 'Events.', ['domain'], () => Promise.reject(new Error('no database')));
    metrics.gauge('banyan_outbox_age_seconds', 'Age.', ['domain'], () => new Promise(() => undefined));
    metrics.gauge('banyan_fine', 'Fine.', [], () => [{ labels: {}, value: 7 }]);
    await metrics.text();
    const text = await metrics.text();
    expect(text).toContain('banyan_fine 7');
    expect(text).not.toMatch(/^banyan_outbox_pending\{/m);
    expect(text).toMatch(/banyan_gauge_failures_total\{gauge="banyan_outbox_pending"\} [12]/);
    expect(text).toContain('banyan_gauge_failures_total{gauge="banyan_outbox_age_seconds"} 1');
  });

  it('keep processes in one program apart', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.observeHttp('GET', '/health', 200);
    expect(await other.text()).not.toContain('/health');
  });
});
