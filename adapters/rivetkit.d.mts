export * from './rivetkit.js';
