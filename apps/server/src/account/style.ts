/** Of the pages that mails lead to. Colours follow the reader's light or dark. */
export const style = `
:root { color-scheme: light dark; --paper: #f4f7f5; --card: #ffffff; --ink: #1b2620; --soft: #55645b; --line: #c3d0c8; --green: #1f6b47; --on-green: #ffffff; --bad: #a3241a }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f1512; --card: #18221c; --ink: #e6eee9; --soft: #a7b6ad; --line: #3a4c41; --green: #6cc795; --on-green: #0b1a12; --bad: #ff9d94 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--paper); color: var(--ink); font: 17px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif }
main { width: 100%; max-width: 440px; padding: 32px; background: var(--card); border: 1px solid var(--line); border-radius: 14px }
h1 { margin: 0 0 12px; font-size: 25px; line-height: 1.25 }
p { margin: 0 0 16px }
.app { margin: 0 0 20px; color: var(--soft); font-size: 15px; font-weight: 600 }
label { display: block; margin: 0 0 6px; font-weight: 600 }
input { width: 100%; margin: 0 0 6px; padding: 11px 12px; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 8px }
.hint { color: var(--soft); font-size: 15px }
.check { display: flex; gap: 8px; align-items: center; margin: 0 0 20px; font-weight: 400 }
.check input { width: 20px; height: 20px; margin: 0 }
button, a.button { display: block; width: 100%; padding: 12px 16px; font: inherit; font-weight: 600; text-align: center; text-decoration: none; color: var(--on-green); background: var(--green); border: 0; border-radius: 8px; cursor: pointer }
button[disabled] { opacity: .6; cursor: progress }
a { color: var(--green) }
:focus-visible { outline: 3px solid var(--green); outline-offset: 3px }
[role=alert] { margin: 16px 0 0; color: var(--bad); font-weight: 600 }
[role=alert]:empty { display: none }
[hidden] { display: none !important }
`;
