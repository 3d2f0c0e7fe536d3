/**
 * What all these pages do. The token is in the fragment of the address, which no server and no log sees; it leaves only when somebody
 * presses the button, so that a scanner that opens the links of a mail uses up none.
 */
export const script = `
'use strict';
const token = decodeURIComponent(location.hash.slice(1));
const view = (name) => { for (const part of document.querySelectorAll('[data-view]')) part.hidden = part.dataset.view !== name; };
view(token ? 'ask' : 'without-token');

for (const form of document.forms) {
  const problem = form.querySelector('[role=alert]');
  const button = form.querySelector('button');
  const secret = form.querySelector('input[type=password]');
  const shown = form.querySelector('input[type=checkbox]');
  if (shown) shown.addEventListener('change', () => { secret.type = shown.checked ? 'text' : 'password'; });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.textContent = '';
    button.disabled = true;
    const body = form.dataset.token === undefined ? {} : { token };
    for (const input of form.querySelectorAll('input[name]')) body[input.name] = input.value;
    try {
      const answer = await fetch(form.action, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
      });
      if (answer.ok) {
        if (form.dataset.token !== undefined) history.replaceState(null, '', location.pathname);
        view(form.dataset.done);
        document.querySelector('[data-view="' + form.dataset.done + '"] h1').focus();
        return;
      }
      const { detail } = await answer.json().catch(() => ({}));
      problem.textContent = typeof detail === 'string' ? detail : 'That did not work. Try again in a moment.';
    } catch {
      problem.textContent = 'The server cannot be reached. Try again in a moment.';
    } finally {
      button.disabled = false;
      if (document.activeElement === document.body) button.focus();
    }
  });
}
`;
