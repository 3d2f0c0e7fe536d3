import { InvitationTokens } from '@banyan/user/invitation-tokens';
import { TEST_SECRET } from '../support/banyan';
import { PASSWORD, type Person } from '../support/people';
import type { Caller, Cast } from './cast';

/**
 * What a caller gets: `ok`; the code of an error; or `nothing`, an answer in which what the row is about does not stand.
 */
export type Outcome = string;

export interface Row {
  /** The arguments. Made anew for each call; `me` is undefined if nobody is signed in. */
  readonly ask: (cast: Cast, me: Person | undefined) => Promise<object> | object;
  /** The same for everybody who may call at all; or for each, and then `others` for who is not named. */
  readonly get: Outcome | (Partial<Record<Caller, Outcome>> & { readonly others: Outcome });
  /** What an answer has to contain to be more than `nothing`. */
  readonly about?: (cast: Cast, asked: Readonly<Record<string, string>>) => string;
  /** Whoever calls is signed out or gone afterwards. */
  readonly usesUp?: true;
}

/** Other domains only: there is no way for a client. */
const INTERNAL = 'internal';

const nothing = () => ({});
const ownerOnly = (otherwise: Outcome) => ({ owner: 'ok', others: otherwise });
/** Whom the owner has blocked finds nobody. */
const unlessBlocked = (otherwise: Outcome) => ({ blocked: otherwise, others: 'ok' });

const everybody = (ask: Row['ask'] = nothing): Row => ({ ask, get: 'ok' });
const theOwner = ({ owner }: Cast) => ({ user_id: owner.id });
const byAdmin = async (cast: Cast) => ({ admin_id: cast.get('admin')!.id, user_id: (await cast.somebody()).id });
const tokenOf = (invitationId: string) => new InvitationTokens(TEST_SECRET).of(invitationId);
const template = () => ({ kind: 'invitation' });

const theirGroup = async (cast: Cast) => ({ group_id: await cast.group() });
const theirMember = async (cast: Cast) => ({ group_id: await cast.group(), user_id: cast.friend.id });

/**
 * One row for each operation. Of one for users or admins it says what those get; who is nobody, or not an admin, is refused everywhere in the
 * same words, which the test knows.
 */
export const rows: Readonly<Record<string, Row | typeof INTERNAL>> = {
  'auth.register': everybody((cast) => cast.newcomer()),
  'auth.login': everybody(({ owner: { email, password } }) => ({ email, password })),
  'auth.refresh': everybody(async (cast) => ({ refresh_token: (await cast.signedIn()).refresh_token })),
  'auth.logout': { ...everybody(), usesUp: true },
  'auth.logoutAll': { ...everybody(), usesUp: true },
  'auth.sessions': {
    ask: async (cast) => ({ unread: (await cast.signedIn()).session_id }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'auth.endSession': {
    ask: async (cast) => ({ session_id: (await cast.signedIn()).session_id }),
    get: ownerOnly('auth.session_not_found'),
  },
  'auth.changePassword': { ...everybody(() => ({ current_password: PASSWORD, new_password: 'another-horse-2' })), usesUp: true },
  'auth.forgotPassword': everybody(({ owner: { email } }) => ({ email })),
  'auth.resetPassword': { ask: () => ({ token: 'x'.repeat(43), password: 'another-horse-2' }), get: 'auth.invalid_link' },
  'auth.verifyEmail': { ask: () => ({ token: 'x'.repeat(43) }), get: 'auth.invalid_link' },
  'auth.resendVerification': everybody(({ owner: { email } }) => ({ email })),
  'auth.me': everybody(),
  'auth.removeMe': { ...everybody(() => ({ password: PASSWORD })), usesUp: true },
  'auth.removeAccount': { ask: byAdmin, get: 'ok' },
  'auth.caller': INTERNAL,
  'auth.verify': INTERNAL,
  'auth.link': INTERNAL,
  'auth.keys': INTERNAL,
  'auth.rotateKeys': everybody(),

  'user.createProfile': INTERNAL,
  'user.profile': INTERNAL,
  'user.profiles': INTERNAL,
  'user.purge': INTERNAL,
  'user.canMessage': INTERNAL,
  'user.circle': INTERNAL,
  'user.invitationMail': INTERNAL,
  'user.find': { ask: theOwner, get: unlessBlocked('user.not_found') },
  'user.publicProfile': { ask: theOwner, get: unlessBlocked('user.not_found') },
  'user.keyHistory': { ask: theOwner, get: unlessBlocked('user.not_found') },
  'user.search': { ask: ({ owner: { email } }) => ({ email }), get: unlessBlocked('nothing'), about: ({ owner }) => owner.id },
  'user.findByEmail': { ask: ({ owner: { email } }) => ({ email }), get: unlessBlocked('user.not_found') },
  'user.ownProfile': { ask: nothing, get: ownerOnly('nothing'), about: ({ owner }) => owner.id },
  'user.updateProfile': { ask: () => ({ bio: 'mine' }), get: ownerOnly('nothing'), about: ({ owner }) => owner.id },
  'user.setPublicKey': everybody(() => ({ public_key: 'QUJD' })),
  'user.keyBackup': {
    ask: async (cast) => ({ unread: (await cast.keyBackup()).text }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'user.storeKeyBackup': everybody(() => ({ encrypted_private_key: 'secret' })),
  'user.keyBackups': {
    ask: async (cast) => ({ unread: (await cast.keyBackup()).id }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'user.oldKeyBackup': { ask: async (cast) => ({ backup_id: (await cast.keyBackup()).id }), get: ownerOnly('user.key_backup_not_found') },
  'user.addContact': {
    ask: async (cast) => ({ ...theOwner(cast), contact_id: (await cast.somebody()).id }),
    get: ownerOnly('user.not_yourself'),
  },
  'user.contacts': { ask: theOwner, get: ownerOnly('user.not_yourself') },
  'user.allUsers': { ask: theOwner, get: ownerOnly('user.not_yourself') },
  'user.renameContact': {
    ask: async (cast) => ({ contact_id: await cast.contact(), nickname: 'x' }),
    get: ownerOnly('user.contact_not_found'),
  },
  'user.removeContact': { ask: async (cast) => ({ contact_id: await cast.contact() }), get: ownerOnly('user.contact_not_found') },
  'user.block': everybody(async (cast) => ({ user_id: (await cast.somebody()).id })),
  'user.unblock': everybody(({ friend }) => ({ user_id: friend.id })),
  'user.blocks': { ask: nothing, get: ownerOnly('nothing'), about: (cast) => cast.get('blocked')!.id },
  'user.sendInvitation': {
    ask: ({ owner, newcomer }) => ({ inviter_email: owner.email, invitee_email: newcomer().email }),
    get: ownerOnly('user.not_your_address'),
  },
  'user.verifyInvitation': everybody(async (cast) => ({ token: tokenOf(await cast.invitation()) })),
  // Who is nobody may accept for the invited address, and for no other.
  'user.acceptInvitation': {
    ask: async (cast) => {
      const { id, email } = await cast.somebody();
      return { token: tokenOf(await cast.invitation(email)), new_user_id: id };
    },
    get: { anonymous: 'ok', removed: 'ok', ended: 'ok', others: 'user.not_the_invitee' },
  },
  'user.invitations': {
    ask: async (cast) => ({ unread: await cast.invitation() }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'user.revokeInvitation': {
    ask: async (cast) => ({ invitation_id: await cast.invitation() }),
    get: ownerOnly('user.invitation_not_found'),
  },
  'user.listUsers': { ask: (cast) => ({ admin_id: cast.get('admin')!.id }), get: 'ok' },
  'user.addContactAsAdmin': { ask: byAdmin, get: 'ok' },
  'user.fixMediaTable': { ask: (cast) => ({ admin_id: cast.get('admin')!.id }), get: 'ok' },

  'media.reserve': INTERNAL,
  'media.complete': { ask: nothing, get: 'invalid_input' }, // without a file; who may call at all is what this row is about
  'media.file': { ask: async (cast) => ({ filename: (await cast.upload()).file_url.split('/').at(-1)! }), get: 'ok' },
  'media.link': { ask: async (cast) => ({ media_id: (await cast.upload()).id }), get: ownerOnly('media.not_found') },
  'media.ofMessage': {
    ask: async (cast) => ({ message_id: (await cast.upload()).message_id }),
    get: ownerOnly('nothing'),
    about: () => 'notes.txt',
  },
  'media.usage': everybody(),
  'media.remove': { ask: async (cast) => ({ media_id: (await cast.upload()).id }), get: ownerOnly('media.not_the_uploader') },
  'media.attach': INTERNAL,
  'media.ofMessages': INTERNAL,
  'media.dropExpired': INTERNAL,
  'media.purge': INTERNAL,

  'message.send': {
    ask: ({ owner, friend }) => ({
      sender_id: owner.id,
      recipient_id: friend.id,
      encrypted_content: 'content',
      encrypted_session_key: 'key',
    }),
    get: ownerOnly('message.not_the_sender'),
  },
  'message.conversation': {
    ask: async (cast) => ({ other_user_id: cast.friend.id, unread: await cast.message() }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'message.markRead': { ask: async (cast) => ({ message_id: await cast.message() }), get: ownerOnly('message.not_found') },
  'message.remove': { ask: async (cast) => ({ message_id: await cast.message() }), get: ownerOnly('message.not_found') },
  'message.accept': INTERNAL,
  'message.pending': INTERNAL,
  'message.post': INTERNAL,
  'message.queued': INTERNAL,
  'message.confirmReceipt': INTERNAL,
  'message.haveWritten': INTERNAL,
  'message.acknowledge': INTERNAL,
  'message.exists': INTERNAL,
  'message.adopt': INTERNAL,
  'message.acknowledgeAdopted': INTERNAL,
  'message.settled': INTERNAL,
  'message.queueStats': INTERNAL,
  'message.dropExpired': INTERNAL,
  'message.purge': INTERNAL,

  'relay.send': {
    ask: ({ owner }) => ({ recipient_id: owner.id, encrypted_content: 'content', encrypted_session_key: 'key' }),
    get: unlessBlocked('message.recipient_not_found'),
  },
  'relay.adopt': INTERNAL,
  'relay.pending': {
    ask: async (cast) => ({ unread: await cast.message() }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'relay.queue': INTERNAL,
  'relay.acknowledge': {
    ask: async (cast) => ({ message_id: await cast.message() }),
    get: ownerOnly('nothing'),
    about: () => '"status":"deleted"',
  },
  'relay.stats': everybody(),
  'relay.cleanup': everybody(),

  'websocket.push': INTERNAL,
  'websocket.pushMany': INTERNAL,
  'websocket.online': INTERNAL,
  'websocket.onlineCount': INTERNAL,
  'websocket.endSessions': INTERNAL,

  'group.list': {
    ask: async (cast) => ({ unread: await cast.group() }),
    get: ownerOnly('nothing'),
    about: (_, asked) => asked['unread']!,
  },
  'group.create': everybody(() => ({ name: 'mine' })),
  'group.addMember': {
    ask: async (cast) => ({ group_id: await cast.group(), user_id: (await cast.somebody()).id }),
    get: ownerOnly('group.only_admins_add'),
  },
  'group.removeMember': { ask: theirMember, get: ownerOnly('group.only_admins_remove') },
  'group.leave': {
    ask: theirGroup,
    get: { owner: 'group.owner_cannot_leave', others: 'group.not_a_member' },
  },
  'group.memberList': { ask: theirGroup, get: ownerOnly('group.not_a_member') },
  'group.details': { ask: theirGroup, get: ownerOnly('group.not_a_member') },
  'group.history': { ask: theirGroup, get: ownerOnly('group.not_a_member') },
  'group.remove': { ask: theirGroup, get: ownerOnly('group.only_owner_deletes') },
  'group.update': { ask: async (cast) => ({ ...(await theirGroup(cast)), name: 'mine' }), get: ownerOnly('group.not_a_member') },
  'group.settings': { ask: theirGroup, get: ownerOnly('group.not_a_member') },
  'group.setRole': { ask: async (cast) => ({ ...(await theirMember(cast)), role: 'admin' }), get: ownerOnly('group.only_the_owner') },
  'group.transfer': { ask: theirMember, get: ownerOnly('group.only_the_owner') },
  'group.ban': { ask: theirMember, get: ownerOnly('group.only_admins_remove') },
  'group.unban': { ask: theirMember, get: ownerOnly('group.only_admins_remove') },
  'group.bans': { ask: theirGroup, get: ownerOnly('group.only_admins_remove') },
  'group.send': {
    ask: async (cast) => ({ ...(await theirGroup(cast)), encrypted_content: 'words' }),
    get: ownerOnly('group.not_a_member'),
  },
  'group.removeMessage': { ask: (cast) => cast.groupMessage(), get: ownerOnly('group.not_a_member') },
  'group.markRead': {
    ask: async (cast) => {
      const { group_id, message_id } = await cast.groupMessage();
      return { group_id, message_ids: [message_id] };
    },
    get: ownerOnly('group.not_a_member'),
  },
  'group.readers': { ask: (cast) => cast.groupMessage(), get: ownerOnly('group.not_a_member') },
  'group.post': INTERNAL,
  'group.posted': INTERNAL,
  'group.about': INTERNAL,
  'group.members': INTERNAL,
  'group.ofUser': INTERNAL,
  'group.purge': INTERNAL,

  'notification.list': { ...everybody() },
  'notification.markRead': {
    ask: async (cast) => ({ notification_id: await cast.notification() }),
    get: ownerOnly('notification.not_found'),
  },
  'notification.preferences': everybody(),
  'notification.setPreference': everybody(() => ({ kind: 'invitation_accepted', is_on: true })),
  'notification.unsubscribe': { ask: () => ({ token: 'x'.repeat(43) }), get: 'notification.unsubscribe_link_invalid' },
  'notification.mails': everybody(),
  'notification.templates': everybody(),
  'notification.templateVersions': everybody(template),
  'notification.saveTemplate': { ask: () => ({ ...template(), subject: 'x', html: 'x', text: 'x' }), get: 'notification.template_broken' },
  'notification.restoreTemplate': everybody(() => ({ ...template(), version: 0 })),
  'notification.previewTemplate': everybody(template),
  'notification.sendTest': everybody(template),
  'notification.purge': INTERNAL,

  'admin.listRoutes': everybody(),
  'admin.changeRoute': everybody(() => ({ domain: 'relay', reason: 'the test of access', force: true })),
};
