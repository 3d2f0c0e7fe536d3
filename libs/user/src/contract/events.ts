import { event, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** Something that others may have remembered about a user is different now: ask again. */
export const userChanged = event('user.changed', z.object({ user_id: Uuid }));

/** `contact_id` is in the list of `user_id` now. `by`: who did it, one of the two or an admin. */
export const contactAdded = event('contact.added', z.object({ user_id: Uuid, contact_id: Uuid, by: Uuid }));

/** A mail is wanted, the `sending`th for this invitation, from 1 on. What it says is asked for: `user.invitationMail`. */
export const invitationSent = event('invitation.sent', z.object({ invitation_id: Uuid, inviter_id: Uuid, sending: z.int() }));

/** Said once for each invitation, whoever repeats it. `user_id` has accepted it. */
export const invitationAccepted = event('invitation.accepted', z.object({ invitation_id: Uuid, inviter_id: Uuid, user_id: Uuid }));
