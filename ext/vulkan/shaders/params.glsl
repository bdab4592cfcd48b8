// SPDX-License-Identifier: LGPL-2.1-or-later
// What all shaders are told: constants at the making of a pipeline, and a
// uniform block per frame, which gpu-params.h has for C.

// How a format lies in memory (GpuKind).
#define PACKED 0 // a word per pixel
#define PAIRED 1 // a 32-bit word for two pixels of 4:2:2
#define SEMI 2   // a plane of luma, one of chroma pairs
#define PLANAR 3 // a plane for each component

layout (local_size_x = 8, local_size_y = 8) in;

layout (constant_id = 0) const int in_kind = PACKED;
layout (constant_id = 1) const int in_bytes = 4;
layout (constant_id = 2) const int in_h_shift = 0;
layout (constant_id = 3) const int in_v_shift = 0;
layout (constant_id = 4) const bool in_words = false;
layout (constant_id = 5) const int out_kind = PACKED;
layout (constant_id = 6) const int out_bytes = 4;
layout (constant_id = 7) const int out_h_shift = 0;
layout (constant_id = 8) const int out_v_shift = 0;
layout (constant_id = 9) const bool out_words = false;
// of convert.comp: bilinear; of pattern.comp: which
layout (constant_id = 10) const int mode = 0;

layout (std140, set = 0, binding = 0) uniform Params
{
  vec4 rows[4];       // codes in to codes out; the last one is of alpha
  vec4 border;        // codes out
  ivec4 crop;         // x, y, width, height of what is read
  ivec4 rect;         // x, y, width, height of where it goes
  ivec4 size;         // of the output
  ivec4 orient;       // transpose, flip x, flip y; number of the frame
  ivec4 in_cosited;   // horizontally, vertically
  ivec4 out_cosited;  // the same; then whether chroma is filtered on both axes
  ivec4 in_place;     // where components lie: by kind
  ivec4 in_bits;      // of each component, 0 for no alpha
  ivec4 out_place;
  ivec4 out_bits;
  uvec4 in_planes[3]; // offset, pitch
  uvec4 out_planes[3];
} p;
