export type { Page } from '../store/page.js';
