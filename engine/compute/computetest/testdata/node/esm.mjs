import { readFile } from 'node:fs/promises';

const own = await readFile(new URL(import.meta.url));

export const handler = async () => own.length > 0;
