/** The cryptography of the web client: ECDH P-256, HKDF-SHA-256, AES-256-GCM; the key pair kept by the server under the password. */
const { subtle } = crypto;
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const random = (size) => crypto.getRandomValues(new Uint8Array(size));
const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

export const newPair = async () => {
  const { publicKey, privateKey } = await subtle.generateKey(CURVE, true, ['deriveBits']);
  const open = await subtle.exportKey('jwk', publicKey);
  return { publicKey: btoa(JSON.stringify(open)), privateKey, secret: await subtle.exportKey('jwk', privateKey) };
};

async function messageKey(privateKey, publicJwk, salt) {
  const publicKey = await subtle.importKey('jwk', { ...publicJwk, key_ops: [] }, CURVE, true, []);
  const shared = await subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 256);
  const material = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const info = new TextEncoder().encode('message_encryption');
  return subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt, info }, material, { name: 'AES-GCM', length: 256 }, false, [
    'encrypt',
    'decrypt',
  ]);
}

export async function seal(text, publicKey) {
  const once = await subtle.generateKey(CURVE, true, ['deriveBits']);
  const [iv, salt] = [random(12), random(16)];
  const key = await messageKey(once.privateKey, JSON.parse(atob(publicKey)), salt);
  const ct = await subtle.encrypt({ name: 'AES-GCM', iv }, key, new TextEncoder().encode(text));
  const epk = await subtle.exportKey('jwk', once.publicKey);
  return btoa(JSON.stringify({ v: '1', alg: 'ECDH-AES256-GCM', epk, iv: toBase64(iv), salt: toBase64(salt), ct: toBase64(ct) }));
}

export async function unseal(envelope, privateKey) {
  const { epk, iv, salt, ct } = JSON.parse(atob(envelope));
  const key = await messageKey(privateKey, epk, fromBase64(salt));
  return new TextDecoder().decode(await subtle.decrypt({ name: 'AES-GCM', iv: fromBase64(iv) }, key, fromBase64(ct)));
}

async function backupKey(password, salt, iterations) {
  const material = await subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveKey']);
  return subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, material, { name: 'AES-GCM', length: 256 }, false, [
    'encrypt',
    'decrypt',
  ]);
}

export async function backUp(secret, password) {
  const [iv, salt, iterations] = [random(12), random(16), 100_000];
  const ct = await subtle.encrypt({ name: 'AES-GCM', iv }, await backupKey(password, salt, iterations), encode(secret));
  return btoa(JSON.stringify({ alg: 'PBKDF2-AES-256-GCM', iterations, salt: toBase64(salt), iv: toBase64(iv), ct: toBase64(ct) }));
}

export async function restore(backup, password) {
  const { iterations, salt, iv, ct } = JSON.parse(atob(backup));
  const key = await backupKey(password, fromBase64(salt), iterations);
  const secret = decode(await subtle.decrypt({ name: 'AES-GCM', iv: fromBase64(iv) }, key, fromBase64(ct)));
  const { kty, crv, x, y, ext } = secret;
  const privateKey = await subtle.importKey('jwk', secret, CURVE, true, ['deriveBits']);
  return { publicKey: btoa(JSON.stringify({ kty, crv, x, y, ext, key_ops: [] })), privateKey, secret };
}
