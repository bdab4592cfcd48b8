// SPDX-License-Identifier: LGPL-2.1-or-later
// The parameters of all shaders: specialization constants of the pipeline, and
// a uniform block for each frame (GpuParams of gpu-params.h).

// The arrangement of a format in memory (GpuKind).
#define PACKED 0 // A word per pixel
#define PAIRED 1 // A 32-bit word for two pixels of 4:2:2
#define SEMI 2   // A plane of luma, one of chroma pairs
#define PLANAR 3 // A plane for each component

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
// Of convert.comp: BILINEAR; of pattern.comp: the pattern
layout (constant_id = 10) const int mode = 0;

layout (std140, set = 0, binding = 0) uniform Params
{
  vec4 rows[4];       // Matrix from input to output codes; last row: alpha
  vec4 border;        // Output codes
  ivec4 crop;         // Part of the input: x, y, width, height
  ivec4 rect;         // Part of the output: x, y, width, height
  ivec4 size;         // Of the output
  ivec4 orient;       // Transpose, flip x, flip y; number of the frame
  ivec4 in_cosited;   // Horizontally, vertically
  ivec4 out_cosited;  // Likewise; zw: whether to filter chroma on each axis
  ivec4 in_place;     // Place of the components, by kind (GpuFormat)
  ivec4 in_bits;      // Bits of each component, 0 for no alpha
  ivec4 out_place;
  ivec4 out_bits;
  uvec4 in_planes[3]; // Offset, pitch
  uvec4 out_planes[3];
} p;
