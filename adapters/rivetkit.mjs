export { batonDatabase, sleepWhenFenced } from './rivetkit.js';
