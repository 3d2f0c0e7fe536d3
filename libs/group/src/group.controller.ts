import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import type { Actor } from '@banyan/platform/contract';
import { groupContract } from './contract';
import { GroupService } from './group.service';
import { MemberService } from './member.service';
import { MessageService } from './message.service';
import { RemovalService } from './removal.service';

type In<Name extends keyof (typeof groupContract)['operations']> = Input<(typeof groupContract)['operations'][Name]>;

@Serves(groupContract)
export class GroupController implements Handlers<typeof groupContract> {
  constructor(
    private readonly groups: GroupService,
    private readonly membership: MemberService,
    private readonly messages: MessageService,
    private readonly removals: RemovalService,
  ) {}

  list(_none: object, { actor }: CallContext) {
    return this.groups.list(actor.userId);
  }

  create(draft: In<'create'>, caller: CallContext) {
    return this.groups.create(draft, caller);
  }

  addMember(pair: In<'addMember'>, caller: CallContext) {
    return this.membership.add(pair, caller);
  }

  removeMember(pair: In<'removeMember'>, caller: CallContext) {
    return this.membership.remove(pair, caller);
  }

  leave({ group_id }: In<'leave'>, caller: CallContext) {
    return this.membership.leave(group_id, caller);
  }

  memberList({ group_id, ...part }: In<'memberList'>, { actor }: CallContext) {
    return this.membership.list(actor.userId, group_id, part);
  }

  details({ group_id }: In<'details'>, { actor }: CallContext) {
    return this.groups.getDetails(actor.userId, group_id);
  }

  history(asked: In<'history'>, { actor }: CallContext) {
    return this.messages.listHistory(actor.userId, asked);
  }

  remove({ group_id }: In<'remove'>, caller: CallContext) {
    return this.groups.remove(group_id, caller);
  }

  update(changes: In<'update'>, { actor }: CallContext) {
    return this.groups.update(actor.userId, changes);
  }

  settings({ group_id }: In<'settings'>, { actor }: CallContext) {
    return this.groups.getSettings(actor.userId, group_id);
  }

  setRole(change: In<'setRole'>, caller: CallContext) {
    return this.membership.setRole(change, caller);
  }

  transfer(pair: In<'transfer'>, caller: CallContext) {
    return this.membership.transfer(pair, caller);
  }

  ban(pair: In<'ban'>, caller: CallContext) {
    return this.membership.ban(pair, caller);
  }

  unban(pair: In<'unban'>, caller: CallContext) {
    return this.membership.unban(pair, caller);
  }

  bans({ group_id }: In<'bans'>, { actor }: CallContext) {
    return this.membership.listBans(actor.userId, group_id);
  }

  send(draft: In<'send'>, { actor, key }: CallContext) {
    return this.messages.send(actor.userId, key, draft);
  }

  removeMessage({ group_id, message_id }: In<'removeMessage'>, { actor }: CallContext) {
    return this.messages.remove(actor.userId, group_id, message_id);
  }

  markRead({ group_id, message_ids }: In<'markRead'>, { actor }: CallContext) {
    return this.messages.markRead(actor.userId, group_id, message_ids);
  }

  readers(asked: In<'readers'>, { actor }: CallContext) {
    return this.messages.listReaders(actor.userId, asked);
  }

  post(draft: In<'post'>, { key }: CallContext<Actor>) {
    return this.messages.post(draft, key);
  }

  posted({ message_id }: In<'posted'>) {
    return this.messages.getPosted(message_id);
  }

  about({ group_id }: In<'about'>) {
    return this.groups.about(group_id);
  }

  members({ group_id }: In<'members'>) {
    return this.membership.listIds(group_id);
  }

  ofUser({ user_id }: In<'ofUser'>) {
    return this.groups.listIdsOf(user_id);
  }

  purge({ user_id }: In<'purge'>) {
    return this.removals.purge(user_id);
  }
}
