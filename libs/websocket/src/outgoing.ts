import type { Frame } from './contract';
import { textFrame } from './text-frame';

/** So many frames a connection remembers, and sends none of them twice. */
const REMEMBERED_FRAMES = 4_096;

/** A message is one thing, whether it comes from the queue or from the sender's socket. */
const kindOf = (type: string): string => (type === 'new_message' ? 'relay_message' : type);

/** What is made of a frame once, for all the sockets it goes to. */
class Outgoing {
  private serialised: string | undefined;
  private framed: Buffer | undefined;
  /** Of two with the same name a socket gets one; undefined if every one counts. */
  readonly name: string | undefined;

  constructor(private readonly frame: Frame) {
    this.name = frame.id === '' ? undefined : `${kindOf(frame.type)}\0${frame.id}`;
  }

  get text(): string {
    return (this.serialised ??= JSON.stringify({ type: this.frame.type, ...this.frame.body }));
  }

  /** As it goes over the wire. */
  get bytes(): Buffer {
    return (this.framed ??= textFrame(this.text));
  }
}

const known = new WeakMap<Frame, Outgoing>();

export function outgoing(frame: Frame): Outgoing {
  let own = known.get(frame);
  if (!own) known.set(frame, (own = new Outgoing(frame)));
  return own;
}

/** What was sent to one socket. Of frames with one name only the first is sent; the others count as taken. */
export class SentFrames {
  private names: Set<string> | undefined;

  /** @param send says whether the socket took it */
  once({ name }: Pick<Outgoing, 'name'>, send: () => boolean): boolean {
    if (name === undefined) return send();
    if (this.names?.has(name)) return true;
    if (!send()) return false;
    this.names ??= new Set();
    this.names.add(name);
    if (this.names.size > REMEMBERED_FRAMES) this.names.delete(this.names.values().next().value!);
    return true;
  }
}
