#version 450
// SPDX-License-Identifier: LGPL-2.1-or-later
// Converts a frame from any format to any other, with crop, scaling, rotation
// and borders.
//
// Places are exact integers: in the output half pixels, in the input fractions
// whose denominator is twice the size of the output. So a sample halfway
// between two pixels has the same value on every GPU, and in the reference of
// the tests. Sizes go up to 16384 (GPU_MAX_SIZE).

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_EXT_shader_8bit_storage : require

#include "params.glsl"
#include "load.glsl"

#define BILINEAR 1

// Returns floor (n / d), for n > -4 d.
ivec2
floor_div (ivec2 n, ivec2 d)
{
  return (n + 4 * d) / d - 4;
}

vec4
load_mixed (ivec2 a, ivec2 b, vec2 f)
{
  if (in_kind != PACKED)
    return vec4 (mix (mix (load_luma (a), load_luma (ivec2 (b.x, a.y)), f.x),
                     mix (load_luma (ivec2 (a.x, b.y)), load_luma (b), f.x),
                     f.y),
        0, 0, 0);
  return mix (mix (load_packed (a), load_packed (ivec2 (b.x, a.y)), f.x),
      mix (load_packed (ivec2 (a.x, b.y)), load_packed (b), f.x), f.y);
}

vec4
load_one (ivec2 a)
{
  return in_kind == PACKED ? load_packed (a) : vec4 (load_luma (a), 0, 0, 0);
}

vec2
load_chroma_mixed (ivec2 a, ivec2 b, vec2 f)
{
  return mix (mix (load_chroma (a), load_chroma (ivec2 (b.x, a.y)), f.x),
      mix (load_chroma (ivec2 (a.x, b.y)), load_chroma (b), f.x), f.y);
}

// Returns the codes of the input at n / d.
vec4
load (ivec2 n, ivec2 d)
{
  ivec2 first = p.crop.xy;
  ivec2 last = p.crop.xy + p.crop.zw - 1;
  ivec2 shift = ivec2 (in_h_shift, in_v_shift);
  vec4 codes;

  if (mode != BILINEAR) {
    ivec2 at = clamp (floor_div (n, d), first, last);

    codes = load_one (at);
    if (in_kind != PACKED)
      codes.yz = load_chroma (at >> shift);
    return codes;
  }

  ivec2 at = floor_div (2 * n - d, 2 * d);
  ivec2 rest = 2 * n - d - at * 2 * d;
  vec2 f = vec2 (rest) / vec2 (2 * d);

  if (rest == ivec2 (0))
    codes = load_one (clamp (at, first, last));
  else
    codes = load_mixed (
        clamp (at, first, last), clamp (at + 1, first, last), f);
  if (in_kind == PACKED)
    return codes;

  // Sample i of subsampled chroma lies at 2 i + 1, or 2 i + 1/2 if cosited.
  ivec2 m = ivec2 (in_h_shift == 0 ? 2 * n.x - d.x
                                   : 2 * n.x + (p.in_cosited.x - 2) * d.x,
      in_v_shift == 0 ? 2 * n.y - d.y
                      : 2 * n.y + (p.in_cosited.y - 2) * d.y);
  ivec2 below = (2 * d) << shift;

  at = floor_div (m, below);
  rest = m - at * below;
  f = vec2 (rest) / vec2 (below);
  first >>= shift;
  last >>= shift;
  if (rest == ivec2 (0))
    codes.yz = load_chroma (clamp (at, first, last));
  else
    codes.yz = load_chroma_mixed (
        clamp (at, first, last), clamp (at + 1, first, last), f);

  return codes;
}

vec4
shade (ivec2 at, ivec2 tap)
{
  ivec2 n = at - 2 * p.rect.xy;
  ivec2 d = 2 * p.rect.zw;

  if (any (lessThan (n, ivec2 (0))) || any (greaterThanEqual (n, d)))
    return p.border;
  n += tap;

  if (p.orient.x != 0) {
    n = n.yx;
    d = d.yx;
  }
  if (p.orient.y != 0)
    n.x = d.x - n.x;
  if (p.orient.z != 0)
    n.y = d.y - n.y;

  vec4 codes = load (n * p.crop.zw + p.crop.xy * d, d);

  return vec4 (dot (p.rows[0].xyz, codes.xyz) + p.rows[0].w,
      dot (p.rows[1].xyz, codes.xyz) + p.rows[1].w,
      dot (p.rows[2].xyz, codes.xyz) + p.rows[2].w,
      p.rows[3].x * codes.w + p.rows[3].w);
}

#include "store.glsl"
