export type { Page, PageRequest } from '../store/page.js';
