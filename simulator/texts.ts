// Texts that are served as parts of a list: laid out side by side, so that a page of them can be sent as it lies.

const comma = ','.charCodeAt(0);

/** Turns texts into bytes that lie one behind the other, with a comma between them, in blocks of some megabytes. */
export class TextBlocks {
  private block = Buffer.alloc(0);
  private used = 0;
  private readonly blockBytes: number;

  /** A block of the usual size has some thousand calls. */
  constructor(blockBytes = 16 * 1024 * 1024) {
    this.blockBytes = blockBytes;
  }

  add(text: string): Buffer {
    const length = Buffer.byteLength(text);
    if (this.used + length + 1 > this.block.length) {
      this.block = Buffer.allocUnsafeSlow(Math.max(this.blockBytes, length + 1));
      this.used = 0;
    }
    const bytes = this.block.subarray(this.used, this.used + length);
    bytes.write(text);
    this.block[this.used + length] = comma;
    this.used += length + 1;
    return bytes;
  }
}

/** The texts with commas between them, in as few pieces as they lie in memory. */
export function joinTexts(texts: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = [];
  let first: Buffer | undefined;
  let last: Buffer | undefined;
  const end = () => {
    if (first !== undefined && last !== undefined) pieces.push(span(first, last));
  };
  for (const text of texts) {
    if (last === undefined || !isNext(last, text)) {
      end();
      if (last !== undefined) pieces.push(Buffer.from(','));
      first = text;
    }
    last = text;
  }
  end();
  return pieces;
}

function isNext(before: Buffer, text: Buffer): boolean {
  const gap = before.byteOffset + before.length;
  return (
    text.buffer === before.buffer &&
    text.byteOffset === gap + 1 &&
    new Uint8Array(text.buffer, gap, 1)[0] === comma
  );
}

function span(first: Buffer, last: Buffer): Buffer {
  return first === last
    ? first
    : Buffer.from(first.buffer, first.byteOffset, last.byteOffset + last.length - first.byteOffset);
}
