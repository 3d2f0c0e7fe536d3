/** Stands for the monolith where only the way to it is measured: answers at once, about as long as the monolith's answers are. Prints its port. */
import Fastify from 'fastify';

import '../support/end-with-parent.mjs';

const user = { id: '00000000-0000-4000-8000-000000000000', email: 'ada@example.com', public_key: 'k'.repeat(800) };
const app = Fastify();
app.get('/api/v1/auth/me', async () => user);
app.post('/api/v1/relay/send', async ({ body }) => ({
  success: true,
  message_id: user.id,
  status: 'queued',
  size: body.encrypted_content.length,
}));
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(String(app.server.address().port));
