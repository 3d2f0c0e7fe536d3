export * from './errors';
export * from './events';
export * from './operations';
export * from './types';
