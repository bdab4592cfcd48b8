#version 450
// SPDX-License-Identifier: LGPL-2.1-or-later
// Draws a test picture: bars, one colour, or a moving box with the number of
// the frame.

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_8bit_storage : require

#include "params.glsl"

#define BARS 0
#define MOVING 1
#define SOLID 2

// The segments of each digit, from the lowest bit: top, upper left, upper
// right, middle, lower left, lower right, bottom
const uint digits[10] = { 0x77u, 0x24u, 0x5du, 0x6du, 0x2eu, 0x6bu, 0x7bu,
  0x25u, 0x7fu, 0x6fu };

// A digit is 3 units wide and 5 high.
bool
in_digit (uint digit, ivec2 at)
{
  uint on = digits[digit];

  if (any (lessThan (at, ivec2 (0))) || at.x > 2 || at.y > 4)
    return false;
  return (at.y == 0 && (on & 1u) != 0) || (at.y == 2 && (on & 8u) != 0)
      || (at.y == 4 && (on & 64u) != 0)
      || (at.x == 0 && at.y <= 2 && (on & 2u) != 0)
      || (at.x == 2 && at.y <= 2 && (on & 4u) != 0)
      || (at.x == 0 && at.y >= 2 && (on & 16u) != 0)
      || (at.x == 2 && at.y >= 2 && (on & 32u) != 0);
}

// Six digits, 4 units each
bool
in_number (uint number, ivec2 at)
{
  uint divisor = 100000u;

  if (at.x < 0 || at.y < 0 || at.x >= 24)
    return false;
  for (int i = at.x / 4; i > 0; i--)
    divisor /= 10u;
  return in_digit (number / divisor % 10u, ivec2 (at.x % 4, at.y));
}

vec3
bars (int x)
{
  int bar = 7 - min (x * 8 / p.size.x, 7);

  return vec3 ((bar & 2) != 0, (bar & 4) != 0, (bar & 1) != 0);
}

vec3
moving (ivec2 at)
{
  int side = max (min (p.size.x, p.size.y) / 4, 1);
  ivec2 way = max (p.size.xy - side, ivec2 (1));
  ivec2 done = (p.orient.w & 0xffff) * ivec2 (4, 3) % (2 * way);
  ivec2 corner = min (done, 2 * way - done);
  int unit = max (p.size.y / 40, 1);

  if (in_number (uint (p.orient.w), (at - 2 * unit) / unit)
      && all (greaterThanEqual (at, ivec2 (2 * unit))))
    return vec3 (1);
  if (all (greaterThanEqual (at, corner)) && all (lessThan (at, corner + side)))
    return vec3 (1, 0.5, 0);
  return vec3 (0.1) + 0.4 * vec3 (vec2 (at) / vec2 (p.size.xy), 0.25);
}

vec4
shade (ivec2 at, ivec2 tap)
{
  vec3 color;

  if (mode == SOLID)
    return p.border;
  at /= 2;
  color = 255.0 * (mode == BARS ? bars (at.x) : moving (at));

  return vec4 (dot (p.rows[0].xyz, color) + p.rows[0].w,
      dot (p.rows[1].xyz, color) + p.rows[1].w,
      dot (p.rows[2].xyz, color) + p.rows[2].w, p.rows[3].w);
}

#include "store.glsl"
