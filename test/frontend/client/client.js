/** As little of a web client as calls and says what the real one does. */
import { backUp, newPair, restore, seal, unseal } from './envelope.js';

const API = '/api/v1';
const $ = (selector) => document.querySelector(selector);
const state = (window.client = { online: new Set(), contacts: [], open: undefined, shown: new Map(), attempt: 0 });

async function call(method, path, body) {
  const headers = { 'Content-Type': 'application/json', Authorization: state.token ? `Bearer ${state.token}` : '' };
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail);
  return json;
}

$('#account').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const [email, username, password] = ['email', 'username', 'password'].map((name) => form.get(name));
  (event.submitter.name === 'register' ? register(email, username, password) : signIn(email, password)).catch(complain);
});

async function register(email, username, password) {
  state.pair = await newPair();
  const account = { email, username, password, full_name: username, public_key: state.pair.publicKey };
  await enter(await call('POST', '/auth/register', account));
}

async function signIn(email, password) {
  const answer = await call('POST', '/auth/login', { email, password });
  state.token = answer.access_token;
  const { encrypted_private_key: backup } = await call('GET', '/users/me/key-backup').catch(() => ({}));
  state.pair = backup ? await restore(backup, password) : (state.pair ?? (await newPair()));
  await call('PUT', '/auth/public-key', { public_key: state.pair.publicKey });
  await call('POST', '/users/me/key-backup', { encrypted_private_key: await backUp(state.pair.secret, password) });
  await enter(answer);
}

async function enter({ access_token, user }) {
  Object.assign(state, { token: access_token, me: user.id });
  $('#me').textContent = user.username;
  $('#account').hidden = true;
  $('#chat').hidden = false;
  connect();
  await listContacts();
}

function connect() {
  const socket = (state.socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/${state.me}?token=${state.token}`));
  socket.onopen = async () => {
    state.attempt = 0;
    $('#state').textContent = 'connected';
    for (const message of (await call('GET', '/relay/pending')).messages) await receive(message).catch(complain);
  };
  socket.onmessage = ({ data }) => hear(JSON.parse(data)).catch(complain);
  socket.onclose = () => {
    $('#state').textContent = 'away';
    if (++state.attempt <= 5) setTimeout(connect, state.attempt * 1_000);
  };
}

const say = (type, payload) => state.socket.readyState === 1 && state.socket.send(JSON.stringify({ type, payload }));

async function hear(frame) {
  const content = frame.payload ?? frame.data ?? frame;
  if (frame.type === 'connection_established') content.online_users.forEach((id) => state.online.add(id));
  if (frame.type === 'user_online') state.online.add(content.user_id);
  if (frame.type === 'user_offline') state.online.delete(content.user_id);
  if (frame.type === 'relay_message') await receive(content);
  if (frame.type === 'contact_added') await listContacts();
  if (frame.type === 'message_delivered' || frame.type === 'message_read') tick(content.message_id, frame.type.slice(8));
  showPresence();
}

async function receive(message) {
  await call('POST', '/relay/acknowledge', { message_id: message.id });
  const confirmation = { message_id: message.id, sender_id: message.sender_id };
  say('delivery_confirmation', confirmation);
  if (message.sender_id !== state.open) return;
  show(message.id, await unseal(message.encrypted_content, state.pair.privateKey), message.media_refs ?? []);
  say('read_confirmation', confirmation);
}

async function listContacts() {
  state.contacts = await call('GET', `/contacts?user_id=${state.me}`);
  $('#contacts').replaceChildren(
    ...state.contacts.map(({ contact_id, contact_username }) => {
      const line = Object.assign(document.createElement('li'), { textContent: contact_username });
      line.dataset.id = contact_id;
      line.onclick = () => openChat(contact_id).catch(complain);
      return line;
    }),
  );
  showPresence();
}

function showPresence() {
  for (const line of $('#contacts').children) {
    line.classList.toggle('online', state.online.has(line.dataset.id));
    line.classList.toggle('open', state.open === line.dataset.id);
  }
}

async function openChat(contact) {
  state.open = contact;
  state.shown.clear();
  $('#messages').replaceChildren();
  showPresence();
  for (const message of await call('GET', `/messages/conversation/${contact}?current_user_id=${state.me}`)) {
    const isOwn = message.sender_id === state.me;
    const envelope = isOwn ? message.sender_encrypted_content : message.encrypted_content;
    show(message.id, await unseal(envelope, state.pair.privateKey), message.media_attachments, isOwn);
    if (!isOwn) say('read_confirmation', { message_id: message.id, sender_id: message.sender_id });
  }
}

$('#compose').addEventListener('submit', (event) => {
  event.preventDefault();
  const { text, file } = event.target.elements;
  send(text.value, [...file.files]).then(() => event.target.reset(), complain);
});

async function send(text, files) {
  const { public_key } = await call('GET', `/users/${state.open}`);
  const id = crypto.randomUUID();
  const media_refs = await Promise.all(files.map((file) => upload(file, id)));
  const { message_id } = await call('POST', '/relay/send', {
    recipient_id: state.open,
    encrypted_content: await seal(text, public_key),
    sender_encrypted_content: await seal(text, state.pair.publicKey),
    encrypted_session_key: 'ecdh-pfs',
    crypto_version: 'v1',
    encryption_algorithm: 'ECDH-AES256-GCM',
    kdf_algorithm: 'HKDF-SHA256',
    has_media: media_refs.length > 0,
    media_refs,
  });
  show(message_id, text, media_refs, true);
}

async function upload(file, messageId) {
  const body = new FormData();
  body.append('file', file);
  body.append('message_id', messageId);
  const answer = await fetch(`${API}/media/upload`, { method: 'POST', headers: { Authorization: `Bearer ${state.token}` }, body });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail);
  return json;
}

function show(id, text, files, isOwn = false) {
  if (state.shown.has(id)) return;
  const line = Object.assign(document.createElement('li'), { className: isOwn ? 'own' : '', textContent: text });
  line.dataset.id = id;
  for (const { file_url, category } of files)
    if (category === 'image') line.append(Object.assign(document.createElement('img'), { src: API + file_url.replace(/^\/api\/v1/, '') }));
  if (isOwn) line.append(Object.assign(document.createElement('small'), { textContent: 'sent' }));
  state.shown.set(id, line);
  $('#messages').append(line);
}

/** Receipts may come before the answer that tells the id, or in any order. */
function tick(id, how, tries = 20) {
  const mark = state.shown.get(id)?.querySelector('small');
  if (!mark) return void (tries && setTimeout(() => tick(id, how, tries - 1), 100));
  if (mark.textContent !== 'read') mark.textContent = how;
}

function complain(error) {
  $('#alert').textContent += `${error.message}. `;
}
