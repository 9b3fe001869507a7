import { z } from "zod";

// zod would write and compile a function per schema at its first use. Programs here start often and parse little: `herma ps` reads a handful
// of small files, and compiling for them cost a tenth of the time it may take.
z.config({ jitless: true });
