import type { Actor, CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { AdminService } from './admin.service';
import { BlockService } from './block.service';
import { ContactService } from './contact.service';
import { userContract } from './contract';
import { InvitationService } from './invitation.service';
import { KeyBackupService } from './key-backup.service';
import { UserService } from './user.service';

type In<Name extends keyof (typeof userContract)['operations']> = Input<(typeof userContract)['operations'][Name]>;

@Serves(userContract)
export class UserController implements Handlers<typeof userContract> {
  constructor(
    private readonly users: UserService,
    private readonly backups: KeyBackupService,
    private readonly contactLists: ContactService,
    private readonly blockLists: BlockService,
    private readonly invitationLists: InvitationService,
    private readonly admins: AdminService,
  ) {}

  createProfile(draft: In<'createProfile'>) {
    return this.users.createProfile(draft);
  }

  profile({ user_id }: In<'profile'>) {
    return this.users.getProfile(user_id);
  }

  profiles({ user_ids }: In<'profiles'>) {
    return this.users.getProfiles(user_ids);
  }

  find({ user_id }: In<'find'>, { actor }: CallContext) {
    return this.users.getCard(actor.userId, user_id);
  }

  ownProfile(_none: object, { actor }: CallContext) {
    return this.users.getProfile(actor.userId);
  }

  updateProfile(changes: In<'updateProfile'>, { actor }: CallContext) {
    return this.users.update(actor.userId, changes);
  }

  publicProfile({ user_id }: In<'publicProfile'>, { actor }: CallContext) {
    return this.users.getPublicProfile(actor.userId, user_id);
  }

  keyHistory({ user_id }: In<'keyHistory'>, { actor }: CallContext) {
    return this.users.listKeys(actor.userId, user_id);
  }

  search({ email }: In<'search'>, { actor }: CallContext) {
    return this.users.search(actor.userId, email);
  }

  findByEmail({ email }: In<'findByEmail'>, { actor }: CallContext) {
    return this.users.getByEmail(actor.userId, email);
  }

  setPublicKey({ public_key }: In<'setPublicKey'>, { actor }: CallContext) {
    return this.users.setPublicKey(actor.userId, public_key);
  }

  keyBackup(_none: object, { actor }: CallContext) {
    return this.backups.get(actor.userId);
  }

  storeKeyBackup({ encrypted_private_key }: In<'storeKeyBackup'>, { actor }: CallContext) {
    return this.backups.replace(actor.userId, encrypted_private_key);
  }

  keyBackups(_none: object, { actor }: CallContext) {
    return this.backups.list(actor.userId);
  }

  oldKeyBackup({ backup_id }: In<'oldKeyBackup'>, { actor }: CallContext) {
    return this.backups.getOld(actor.userId, backup_id);
  }

  purge({ user_id }: In<'purge'>) {
    return this.users.purge(user_id);
  }

  circle({ user_id }: In<'circle'>) {
    return this.contactLists.circle(user_id);
  }

  canMessage(pair: In<'canMessage'>) {
    return this.users.canMessage(pair);
  }

  addContact(draft: In<'addContact'>, context: CallContext) {
    return this.contactLists.add(draft, context);
  }

  contacts(asked: In<'contacts'>, { actor }: CallContext) {
    return this.contactLists.list(actor.userId, asked);
  }

  allUsers(asked: In<'allUsers'>, { actor }: CallContext) {
    return this.contactLists.listEverybody(actor.userId, asked);
  }

  renameContact({ contact_id, nickname }: In<'renameContact'>, { actor }: CallContext) {
    return this.contactLists.rename(actor.userId, contact_id, nickname);
  }

  removeContact({ contact_id }: In<'removeContact'>, context: CallContext) {
    return this.contactLists.remove(contact_id, context);
  }

  block({ user_id }: In<'block'>, { actor }: CallContext) {
    return this.blockLists.block(actor.userId, user_id);
  }

  unblock({ user_id }: In<'unblock'>, { actor }: CallContext) {
    return this.blockLists.unblock(actor.userId, user_id);
  }

  blocks(asked: In<'blocks'>, { actor }: CallContext) {
    return this.blockLists.list(actor.userId, asked);
  }

  sendInvitation(draft: In<'sendInvitation'>, context: CallContext) {
    return this.invitationLists.send(draft, context);
  }

  verifyInvitation({ token }: In<'verifyInvitation'>) {
    return this.invitationLists.verify(token);
  }

  acceptInvitation(draft: In<'acceptInvitation'>, { actor }: CallContext<Actor>) {
    return this.invitationLists.accept(draft, actor);
  }

  invitations(asked: In<'invitations'>, { actor }: CallContext) {
    return this.invitationLists.list(actor.userId, asked);
  }

  revokeInvitation({ invitation_id }: In<'revokeInvitation'>, context: CallContext) {
    return this.invitationLists.revoke(invitation_id, context);
  }

  invitationMail({ invitation_id }: In<'invitationMail'>) {
    return this.invitationLists.getMail(invitation_id);
  }

  listUsers(asked: In<'listUsers'>, { actor }: CallContext) {
    return this.admins.listUsers(actor.userId, asked);
  }

  addContactAsAdmin(draft: In<'addContactAsAdmin'>, context: CallContext) {
    return this.admins.addContact(draft, context);
  }

  fixMediaTable({ admin_id }: In<'fixMediaTable'>, { actor }: CallContext) {
    return this.admins.fixMediaTable(actor.userId, admin_id);
  }
}
