import { readSaid, typeAsked, typeOf } from './said';

it('what a client asks for is what every server will read, or nothing', () => {
  expect(typeAsked('{"type":"typing","payload":{}}')).toBe('typing');
  expect(typeAsked('{"type":"typing","payload":{},"type":"message"}')).toBe('message');
  expect(typeAsked('{"type":"typing","\\u0074ype":"message"}')).toBe('message');
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '{"type":1}',
    '{"payload":{}}',
    '{"type":"message","payload":{"x":NaN}}',
    '\ufeff{"type":"message"}',
  ])
    expect(typeAsked(text)).toBeUndefined();
});

it('what the monolith says has its type in front, and a name if it may come twice', () => {
  expect(typeOf('{"type": "user_online", "user_id": "x"}')).toBe('user_online');
  expect(typeOf('{"user_id": "x", "type": "user_online"}')).toBe('user_online');
  expect(typeOf('no frame')).toBeUndefined();
  expect(readSaid('{"type":"relay_message","data":{"id":"m"}}')).toMatchObject({ type: 'relay_message', id: 'm' });
  expect(readSaid('{"type":"new_message","message_id":null}')).toMatchObject({ type: 'new_message', id: '' });
  expect(readSaid('{"type":"typing","message_id":"m"}')).toMatchObject({ type: 'typing', id: '' });
});
