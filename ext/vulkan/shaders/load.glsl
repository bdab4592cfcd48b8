// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads the input from images (SRC_IMAGE) or from bytes of buffers. Both give
// the words and samples as they are in memory.

#ifdef SRC_IMAGE
layout (set = 0, binding = 1) uniform texture2D in0;
layout (set = 0, binding = 2) uniform texture2D in1;
layout (set = 0, binding = 3) uniform texture2D in2;

vec4
fetch (int plane, ivec2 at)
{
  return plane == 0 ? texelFetch (in0, at, 0)
      : plane == 1  ? texelFetch (in1, at, 0)
                    : texelFetch (in2, at, 0);
}

uvec4
to_samples (vec4 texel)
{
  return uvec4 (texel * (in_bytes == 2 ? 65535.0 : 255.0) + 0.5);
}

uint
load_sample (int plane, ivec2 at)
{
  return to_samples (fetch (plane, at)).x;
}

uvec2
load_pair (ivec2 at)
{
  return to_samples (fetch (1, at)).xy;
}

uint
load_word (ivec2 at)
{
  uvec4 t = to_samples (fetch (0, at));

  return in_bytes == 2 ? t.x : t.x | t.y << 8 | t.z << 16 | t.w << 24;
}
#else
layout (set = 0, binding = 1) readonly buffer In0 { uint8_t b[]; } in0;
layout (set = 0, binding = 2) readonly buffer In1 { uint8_t b[]; } in1;
layout (set = 0, binding = 3) readonly buffer In2 { uint8_t b[]; } in2;
layout (set = 0, binding = 7) readonly buffer InW { uint w[]; } in_w;

uint
load_byte (int plane, uint at)
{
  return plane == 0 ? uint (in0.b[at])
      : plane == 1  ? uint (in1.b[at])
                    : uint (in2.b[at]);
}

uint
load_at (int plane, uint at)
{
  return in_bytes == 2 ? load_byte (plane, at) | load_byte (plane, at + 1) << 8
                       : load_byte (plane, at);
}

uint
address (int plane, ivec2 at, int bytes)
{
  return p.in_planes[plane].x + uint (at.y) * p.in_planes[plane].y
      + uint (at.x * bytes);
}

uint
load_sample (int plane, ivec2 at)
{
  return load_at (plane, address (plane, at, in_bytes));
}

uvec2
load_pair (ivec2 at)
{
  uint a = address (1, at, 2 * in_bytes);

  return uvec2 (load_at (1, a), load_at (1, a + in_bytes));
}

uint
load_word (ivec2 at)
{
  uint a = address (0, at, in_bytes);

  if (in_bytes == 2)
    return load_at (0, a);
  if (in_words)
    return in_w.w[a >> 2];
  return load_byte (0, a) | load_byte (0, a + 1) << 8
      | load_byte (0, a + 2) << 16 | load_byte (0, a + 3) << 24;
}
#endif

float
load_luma (ivec2 at)
{
  if (in_kind == PAIRED) {
    uint word = load_word (ivec2 (at.x >> 1, at.y));

    return float (word >> ((at.x & 1) == 0 ? p.in_place.x : p.in_place.w)
        & 255u);
  }
  return float (load_sample (0, at) >> p.in_place.x);
}

vec2
load_chroma (ivec2 at)
{
  if (in_kind == PAIRED) {
    uint word = load_word (at);

    return vec2 (word >> p.in_place.y & 255u, word >> p.in_place.z & 255u);
  }
  if (in_kind == SEMI) {
    uvec2 pair = load_pair (at) >> p.in_place.x;

    return p.in_place.y == 0 ? vec2 (pair) : vec2 (pair.yx);
  }
  return vec2 (load_sample (p.in_place.y, at) >> p.in_place.x,
      load_sample (p.in_place.z, at) >> p.in_place.x);
}

vec4
load_packed (ivec2 at)
{
  uvec4 codes = uvec4 (load_word (at)) >> uvec4 (p.in_place);

  return vec4 (codes & ((uvec4 (1) << uvec4 (p.in_bits)) - 1u));
}
