import { childOf, formatTraceparent, newTrace, parseTraceparent } from './trace';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('W3C trace context', () => {
  it('goes on with a trace that comes in, in a span of its own', () => {
    const trace = parseTraceparent(`00-${traceId}-${spanId}-01`);
    expect(trace).toEqual({ traceId, spanId: expect.stringMatching(/^[0-9a-f]{16}$/), sampled: true });
    expect(trace.spanId).not.toBe(spanId);
    expect(formatTraceparent(trace)).toBe(`00-${traceId}-${trace.spanId}-01`);
  });

  it.each([
    [`00-${traceId}-${spanId}-00`, false],
    [`00-${traceId}-${spanId}-03`, true],
    [`00-${traceId}-${spanId}-fe`, false],
    [`01-${traceId}-${spanId}-01-what-comes-later`, true],
    [`cc-${traceId}-${spanId}-01`, true],
  ])('accepts %s', (header, sampled) => expect(parseTraceparent(header)).toMatchObject({ traceId, sampled }));

  it.each([
    undefined,
    '',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01-`,
    `01-${traceId}-${spanId}-01more`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    'x'.repeat(100_000),
  ])('begins a new trace for %j', (header) => {
    const trace = parseTraceparent(header);
    expect(trace.traceId).not.toBe(traceId);
    expect(formatTraceparent(trace)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it('keeps the trace in a child and makes ids that do not come again', () => {
    const parent = newTrace(true);
    expect(childOf(parent)).toMatchObject({ traceId: parent.traceId, sampled: true });
    const ids = Array.from({ length: 20_000 }, () => newTrace()).flatMap((trace) => [trace.traceId, trace.spanId]);
    expect(new Set(ids).size).toBe(40_000);
  });
});
