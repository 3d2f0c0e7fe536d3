export * from './admin';
export * from './contacts';
export * from './errors';
export * from './events';
export * from './invitations';
export * from './operations';
export * from './types';
