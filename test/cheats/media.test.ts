import { mediaCheats } from './media.ts';

mediaCheats({});
