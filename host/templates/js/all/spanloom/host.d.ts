/** Writes a line to Spanloom's log. */
export function debug(message: string): void;
export function info(message: string): void;
export function warn(message: string): void;
export function error(message: string): void;

/** Posts a text. Throws a failure for Spanloom unless the answer is a success. `grants.http` has to list the origin. */
export function post(url: string, contentType: string, text: string): void;
