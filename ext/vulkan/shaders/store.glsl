// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes the output to images (DST_IMAGE) or to bytes of buffers. Each
// invocation writes the pixels that share one chroma sample. The including
// shader defines
//   vec4 shade (ivec2 at, ivec2 tap)
// which returns the codes of the output at a place in half pixels; the input is
// sampled beside it, by tap.

#ifdef DST_IMAGE
layout (set = 0, binding = 4) uniform writeonly image2D out0;
layout (set = 0, binding = 5) uniform writeonly image2D out1;
layout (set = 0, binding = 6) uniform writeonly image2D out2;

void
put (int plane, ivec2 at, uvec4 samples)
{
  vec4 texel = vec4 (samples) / (out_bytes == 2 ? 65535.0 : 255.0);

  if (plane == 0)
    imageStore (out0, at, texel);
  else if (plane == 1)
    imageStore (out1, at, texel);
  else
    imageStore (out2, at, texel);
}

void
store_sample (int plane, ivec2 at, uint value)
{
  put (plane, at, uvec4 (value, 0, 0, 0));
}

void
store_pair (ivec2 at, uvec2 pair)
{
  put (1, at, uvec4 (pair, 0, 0));
}

void
store_word (ivec2 at, uint word)
{
  uvec4 bytes = uvec4 (word, word >> 8, word >> 16, word >> 24) & 255u;

  // out_words: the format of the image is blue first; imageStore () swaps the
  // bytes, so swap them before.
  put (0, at, out_bytes == 2 ? uvec4 (word, 0, 0, 0)
      : out_words            ? bytes.zyxw
                             : bytes);
}
#else
layout (set = 0, binding = 4) writeonly buffer Out0 { uint8_t b[]; } out0;
layout (set = 0, binding = 5) writeonly buffer Out1 { uint8_t b[]; } out1;
layout (set = 0, binding = 6) writeonly buffer Out2 { uint8_t b[]; } out2;
layout (set = 0, binding = 8) writeonly buffer OutW { uint w[]; } out_w;

void
store_byte (int plane, uint at, uint value)
{
  if (plane == 0)
    out0.b[at] = uint8_t (value & 255u);
  else if (plane == 1)
    out1.b[at] = uint8_t (value & 255u);
  else
    out2.b[at] = uint8_t (value & 255u);
}

void
store_at (int plane, uint at, uint value)
{
  store_byte (plane, at, value);
  if (out_bytes == 2)
    store_byte (plane, at + 1, value >> 8);
}

uint
out_address (int plane, ivec2 at, int bytes)
{
  return p.out_planes[plane].x + uint (at.y) * p.out_planes[plane].y
      + uint (at.x * bytes);
}

void
store_sample (int plane, ivec2 at, uint value)
{
  store_at (plane, out_address (plane, at, out_bytes), value);
}

void
store_pair (ivec2 at, uvec2 pair)
{
  uint a = out_address (1, at, 2 * out_bytes);

  store_at (1, a, pair.x);
  store_at (1, a + out_bytes, pair.y);
}

void
store_word (ivec2 at, uint word)
{
  uint a = out_address (0, at, out_bytes);

  if (out_bytes == 2) {
    store_at (0, a, word);
  } else if (out_words) {
    out_w.w[a >> 2] = word;
  } else {
    store_byte (0, a, word);
    store_byte (0, a + 1, word >> 8);
    store_byte (0, a + 2, word >> 16);
    store_byte (0, a + 3, word >> 24);
  }
}
#endif

uvec4
to_codes (vec4 value)
{
  vec4 greatest = vec4 ((uvec4 (1) << uvec4 (p.out_bits)) - 1u);

  return uvec4 (clamp (value + 0.5, vec4 (0), greatest));
}

// Cosited chroma is filtered with (1 2 1) / 4 if the input has more chroma
// samples: as two bilinear samples, half a pixel to each side.
vec2
shade_chroma (ivec2 c)
{
  ivec2 at = ivec2 (
      out_h_shift == 0 ? 2 * c.x + 1 : 4 * c.x + 2 - p.out_cosited.x,
      out_v_shift == 0 ? 2 * c.y + 1 : 4 * c.y + 2 - p.out_cosited.y);
  ivec2 taps = p.out_cosited.zw;

  // The last chroma sample of an odd size has one pixel, and lies on it.
  at = min (at, 2 * p.size.xy - 1);
  // A loop instead of four calls keeps the compiled shader small.
  vec2 sum = vec2 (0);

  for (int y = -taps.y; y <= taps.y; y += 2)
    for (int x = -taps.x; x <= taps.x; x += 2)
      sum += shade (at, ivec2 (x, y)).yz;
  return sum / float ((1 + taps.x) * (1 + taps.y));
}

void
main ()
{
  ivec2 block = ivec2 (gl_GlobalInvocationID.xy);

  if (out_kind == PACKED) {
    if (block.x >= p.size.x || block.y >= p.size.y)
      return;

    uvec4 codes = to_codes (shade (2 * block + 1, ivec2 (0))) << uvec4 (p.out_place);

    store_word (block, codes.x | codes.y | codes.z
            | (p.out_bits.w == 0 ? p.out_planes[0].z : codes.w));
    return;
  }

  ivec2 first = ivec2 (block.x << out_h_shift, block.y << out_v_shift);

  if (first.x >= p.size.x || first.y >= p.size.y)
    return;

  uvec2 chroma = to_codes (vec4 (0, shade_chroma (block), 0)).yz;

  if (out_kind == PAIRED) {
    uint y[2];

    // In the last word of an odd width the second pixel repeats the first.
    for (int i = 0; i < 2; i++) {
      int x = min (first.x + i, p.size.x - 1);

      y[i] = to_codes (shade (ivec2 (2 * x, 2 * first.y) + 1, ivec2 (0))).x;
    }
    store_word (block, y[0] << p.out_place.x | chroma.x << p.out_place.y
            | chroma.y << p.out_place.z | y[1] << p.out_place.w);
    return;
  }

  for (int y = first.y; y < min (first.y + (1 << out_v_shift), p.size.y); y++) {
    for (int x = first.x; x < min (first.x + (1 << out_h_shift), p.size.x); x++) {
      uint luma = to_codes (
          shade (ivec2 (2 * x + 1, 2 * y + 1), ivec2 (0))).x;

      store_sample (0, ivec2 (x, y), luma << p.out_place.x);
    }
  }

  if (out_kind == SEMI) {
    store_pair (block,
        (p.out_place.y == 0 ? chroma : chroma.yx) << p.out_place.x);
  } else {
    store_sample (p.out_place.y, block, chroma.x << p.out_place.x);
    store_sample (p.out_place.z, block, chroma.y << p.out_place.x);
  }
}
