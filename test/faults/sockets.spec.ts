import type { ReceivedFrame } from '../support/socket-client';
import { checkSockets, type SocketEvidence } from './sockets';

const relayed = (id: string, content: string, from = 'ada'): ReceivedFrame => ({
  type: 'relay_message',
  data: { id, sender_id: from, encrypted_content: content },
});
const confirmed = (id: string): ReceivedFrame => ({ type: 'message_sent', message_id: id });

function judge(frames: ReceivedFrame[], more: Partial<SocketEvidence> = {}, closedWith?: number): string[] {
  const sent = [
    { from: 'ada', to: 'ben', content: 'hello', acceptedAs: '1' },
    { from: 'ada', to: 'ben', content: 'again' },
  ];
  const sockets = [{ name: 'phone', userId: 'ben', frames, closedWith }];
  return checkSockets({ sent, sockets, stored: new Set(['1', '2', '3']), ...more });
}

describe('the checker of sockets', () => {
  it('has nothing to say of what is right', () => {
    expect(judge([relayed('1', 'hello'), { type: 'new_message', message_id: '2', sender_id: 'ada', encrypted_content: 'again' }])).toEqual(
      [],
    );
    expect(judge([relayed('1', 'hello'), confirmed('3'), { type: 'typing' }])).toEqual([]);
  });

  it.each<[string, ReceivedFrame[]]>([
    ['lost: 1 on phone', []],
    ['doubled: shown 1 on phone', [relayed('1', 'hello'), relayed('1', 'hello')]],
    [
      'doubled: shown 1 on phone',
      [relayed('1', 'hello'), { type: 'new_message', message_id: '1', sender_id: 'ada', encrypted_content: 'hello' }],
    ],
    ['doubled: confirmed 3 on phone', [relayed('1', 'hello'), confirmed('3'), confirmed('3')]],
    ['unstored: confirmed 9 on phone', [relayed('1', 'hello'), confirmed('9')]],
    ['unstored: shown 9 on phone', [relayed('1', 'hello'), relayed('9', 'again')]],
    ['invented: 2 on phone', [relayed('1', 'hello'), relayed('2', 'never said')]],
    ['invented: 2 on phone', [relayed('1', 'hello'), relayed('2', 'again', 'eve')]],
    ['invented: 2 on phone', [relayed('1', 'hello'), relayed('2', 'hello')]],
  ])('says %s', (fault, frames) => {
    expect(judge(frames)).toEqual([fault]);
  });

  it('says which socket closed', () => {
    expect(judge([relayed('1', 'hello')], {}, 1006)).toEqual(['closed: 1006 on phone']);
  });
});
