import type { Frame } from './contract';

/** So many frames a connection remembers, and sends none of them twice. */
const REMEMBERED_FRAMES = 4_096;

const texts = new WeakMap<Frame, string>();

/** As it goes over the wire; made once for all the sockets it goes to. */
export function textOf(frame: Frame): string {
  let text = texts.get(frame);
  if (text === undefined) {
    text = JSON.stringify({ type: frame.type, ...frame.body });
    texts.set(frame, text);
  }
  return text;
}

/** A message is one thing, whether it comes from the queue or from the sender's socket. */
const kindOf = (type: string): string => (type === 'new_message' ? 'relay_message' : type);

/** What was sent to one socket. Of frames with one type and id only the first is sent; the others count as taken. */
export class SentFrames {
  private names: Set<string> | undefined;

  /** @param send says whether the socket took it */
  once(frame: Frame, send: () => boolean): boolean {
    if (frame.id === '') return send();
    const name = `${kindOf(frame.type)}\0${frame.id}`;
    if (this.names?.has(name)) return true;
    if (!send()) return false;
    this.names ??= new Set();
    this.names.add(name);
    if (this.names.size > REMEMBERED_FRAMES) this.names.delete(this.names.values().next().value!);
    return true;
  }
}
