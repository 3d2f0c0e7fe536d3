/** The program cannot start; the message is one sentence that says what is wrong and what to do. Printed without a stack. */
export class StartupError extends Error {}
