export * from './operations';
export * from './types';
