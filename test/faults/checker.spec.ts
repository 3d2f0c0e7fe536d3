import { check, type Fault } from './checker';
import type { Answer, Invocation, Seen, Step } from './history';

/** A history by hand: ada and bob, one request after the other; `during` begins a request that ends only with `ends`. */
class Story {
  private place = 0;
  private settledAt = Infinity;
  readonly steps: Step[] = [];

  then(asked: Invocation, answer: Answer): this {
    return this.during(asked)(answer);
  }

  during(asked: Invocation): (answer: Answer) => this {
    const began = ++this.place;
    return (answer) => {
      this.steps.push({ asked, began, ended: ++this.place, answer });
      return this;
    };
  }

  /** In the end both read everything; what they see is `stays`, `queued` for bob. */
  ends({ stays, queued }: { stays: Seen[]; queued: Seen[] }): this {
    this.settledAt = ++this.place;
    return this.then(pending('bob'), messages(...queued))
      .then(conversation('ada', 'bob'), messages(...stays))
      .then(conversation('bob', 'ada'), messages(...stays));
  }

  get faults(): [Fault, string][] {
    return check({ steps: this.steps, settledAt: this.settledAt }).map(({ fault, key }) => [fault, key]);
  }
}

const send = (key: string): Invocation => ({ ask: 'send', user: 'ada', to: 'bob', key });
const pending = (user: string): Invocation => ({ ask: 'pending', user });
const acknowledge = (id: string, user = 'bob'): Invocation => ({ ask: 'acknowledge', user, id });
const conversation = (user: string, other: string): Invocation => ({ ask: 'conversation', user, other });
const accepted = (id: string): Answer => ({ told: 'accepted', id });
const messages = (...list: Seen[]): Answer => ({ told: 'messages', messages: list });
const refused: Answer = { told: 'refused' };
const unknown: Answer = { told: 'unknown' };
const deleted: Answer = { told: 'deleted' };
const notFound: Answer = { told: 'not_found' };
const seen = (content: string, id = `id-${content}`): Seen => ({ id, from: 'ada', to: 'bob', content });
const [one, two] = [seen('one'), seen('two')];

describe('the history checker', () => {
  it('finds nothing wrong with sends, fetches and acknowledgements that went well', () => {
    const story = new Story()
      .then(send('one'), accepted('id-one'))
      .then(pending('bob'), messages(one))
      .then(send('two'), accepted('id-two'))
      .then(acknowledge('id-one'), deleted)
      .then(pending('bob'), messages(two))
      .ends({ stays: [one, two], queued: [two] });
    expect(story.faults).toEqual([]);
  });

  it('lets an unanswered send be there or not, and a repeated one be there once', () => {
    const story = new Story().then(send('one'), unknown).then(send('two'), unknown).then(send('two'), accepted('id-two'));
    expect(story.ends({ stays: [two], queued: [two] }).faults).toEqual([]);
    const other = new Story().then(send('one'), unknown).then(send('two'), unknown);
    expect(other.ends({ stays: [one], queued: [one] }).faults).toEqual([]);
  });

  it('judges nothing by the order of steps that overlap', () => {
    const story = new Story();
    const sending = story.during(send('one'));
    const reading = story.during(conversation('bob', 'ada'));
    const fetching = story.during(pending('bob'));
    sending(accepted('id-one'));
    reading(messages());
    story.then(acknowledge('id-one'), deleted);
    fetching(messages(one));
    expect(story.ends({ stays: [one], queued: [] }).faults).toEqual([]);
  });

  it('lets a repeated acknowledgement hear that the first, unanswered one has done it', () => {
    const story = new Story()
      .then(send('one'), accepted('id-one'))
      .then(acknowledge('id-one'), unknown)
      .then(acknowledge('id-one'), notFound);
    expect(story.ends({ stays: [one], queued: [] }).faults).toEqual([]);
  });

  it('lets a refused send be accepted when it is repeated', () => {
    const story = new Story().then(send('one'), refused).then(send('one'), accepted('id-one'));
    expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([]);
  });

  describe('finds', () => {
    const sentOnce = () => new Story().then(send('one'), accepted('id-one'));

    it('an accepted message that is nowhere', () => {
      expect(sentOnce().ends({ stays: [], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('one that is in the conversation and not in the queue', () => {
      expect(sentOnce().ends({ stays: [one], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('one that is in the queue and not in the conversation', () => {
      expect(sentOnce().ends({ stays: [], queued: [one] }).faults).toEqual([['lost', 'one']]);
    });

    it('one that was missing in its queue for a while', () => {
      const story = sentOnce().then(pending('bob'), messages());
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['late', 'one']]);
    });

    it('one that only one of the two can see', () => {
      const story = sentOnce().then(conversation('bob', 'ada'), messages());
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['lost', 'one']]);
    });

    it('an unanswered one that in the end is in the conversation and not in the queue', () => {
      expect(new Story().then(send('one'), unknown).ends({ stays: [one], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('an unanswered one that was seen and is gone', () => {
      const story = new Story().then(send('one'), unknown).then(pending('bob'), messages(one));
      expect(story.ends({ stays: [], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('one that nobody had acknowledged and that the queue no longer knew', () => {
      const story = sentOnce().then(acknowledge('id-one'), notFound);
      expect(story.ends({ stays: [one], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('one that an acknowledgement by somebody else has taken', () => {
      const story = sentOnce().then(acknowledge('id-one', 'eve'), deleted);
      expect(story.ends({ stays: [one], queued: [] }).faults).toEqual([['lost', 'one']]);
    });

    it('a message twice in one answer', () => {
      expect(sentOnce().ends({ stays: [one], queued: [one, one] }).faults).toEqual([['doubled', 'one']]);
    });

    it('two messages for one key, seen', () => {
      expect(sentOnce().ends({ stays: [one, seen('one', 'id-x')], queued: [one] }).faults).toEqual([['doubled', 'one']]);
    });

    it('two messages for one key, in different answers', () => {
      const story = sentOnce().then(pending('bob'), messages(seen('one', 'id-x')));
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['doubled', 'one']]);
    });

    it('two answers for one key', () => {
      const story = sentOnce().then(send('one'), accepted('id-x'));
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['doubled', 'one']]);
    });

    it('a message that nobody sent', () => {
      expect(sentOnce().ends({ stays: [one, two], queued: [one] }).faults).toEqual([['invented', 'two']]);
    });

    it('one that was seen before it was sent', () => {
      const story = new Story().then(pending('bob'), messages(one)).then(send('one'), accepted('id-one'));
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['invented', 'one']]);
    });

    it('one in a queue it was not for', () => {
      const story = sentOnce().then(pending('eve'), messages(one));
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['invented', 'one']]);
    });

    it('one whose sender was changed', () => {
      const story = sentOnce().then(pending('bob'), messages({ ...one, from: 'eve' }));
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['invented', 'one']]);
    });

    it.each([deleted, notFound])('one that is delivered after its acknowledgement was answered with %j', (answer) => {
      const story = sentOnce().then(acknowledge('id-one'), unknown).then(acknowledge('id-one'), answer).then(pending('bob'), messages(one));
      expect(story.ends({ stays: [one], queued: [] }).faults).toEqual([['redelivered', 'one']]);
    });

    it('one that is back in the end', () => {
      expect(
        sentOnce()
          .then(acknowledge('id-one'), deleted)
          .ends({ stays: [one], queued: [one] }).faults,
      ).toEqual([['redelivered', 'one']]);
    });

    it('messages that overtook each other, in a queue and in a conversation', () => {
      const story = () => sentOnce().then(send('two'), accepted('id-two'));
      expect(story().ends({ stays: [one, two], queued: [two, one] }).faults).toEqual([['reordered', 'two']]);
      expect(story().ends({ stays: [two, one], queued: [one, two] }).faults).toEqual([['reordered', 'two']]);
    });

    it('one that was refused each time and is there', () => {
      const story = new Story().then(send('one'), refused).then(send('one'), refused);
      expect(story.ends({ stays: [one], queued: [one] }).faults).toEqual([['refused', 'one']]);
    });

    describe('in a group', () => {
      const post = (key: string): Invocation => ({ ask: 'post', user: 'ada', to: 'team', key });
      const history = (user: string): Invocation => ({ ask: 'history', user, group: 'team' });
      const [first, second] = [one, two].map((message) => ({ ...message, to: 'team' })) as [Seen, Seen];
      /** What bob and cyd read in the end. */
      const read = (bobs: Seen[], cyds: Seen[]) => {
        const story = new Story().then(post('one'), accepted('id-one')).then(post('two'), unknown).ends({ stays: [], queued: [] });
        return story.then(history('bob'), messages(...bobs)).then(history('cyd'), messages(...cyds)).faults;
      };

      it('nothing, where everybody sees what was answered, and the same of the rest', () => {
        expect(read([first], [first])).toEqual([]);
        expect(read([first, second], [first, second])).toEqual([]);
      });

      it.each<[Fault, string, Seen[]]>([
        ['lost', 'one', []],
        ['doubled', 'one', [first, { ...first, id: 'id-more' }]],
        ['invented', 'three', [first, { ...first, id: 'id-three', content: 'three' }]],
        ['invented', 'one', [{ ...first, from: 'bob' }]],
        ['invented', 'one', [{ ...first, to: 'others' }]],
        ['reordered', 'two', [second, first]],
      ])('a message that is %s', (fault, key, seenByCyd) => {
        expect(read([first, ...(fault === 'reordered' ? [second] : [])], seenByCyd)).toEqual([[fault, key]]);
      });

      it('that nobody has looked in the end', () => {
        expect(new Story().then(post('one'), accepted('id-one')).ends({ stays: [], queued: [] }).faults).toEqual([['unread', 'one']]);
      });
    });

    it('that nobody has looked in the end', () => {
      expect(sentOnce().then(pending('bob'), messages(one)).faults).toEqual([['unread', 'one']]);
    });
  });
});
