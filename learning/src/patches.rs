//! What the kernels of a convolution see.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Pixels by which a kernel reaches beyond its own, in each direction.
const REACH: usize = 1;

/// Copies out the 3 by 3 pixels around every pixel: from images `[batch, side², values]`, row by row, to
/// `[batch · side², 9 · values]`, zeros where a kernel reaches beyond the edge.
///
/// A convolution is then a dense layer. Written as a selection of pixels it is summed in one order, forwards and
/// backwards, whatever the number of threads, and multiplied as fast as any matrix.
pub(super) fn patches(images: Tensor<3>, side: usize, device: &Device) -> Tensor<2> {
    let [batch, pixels, values] = images.dims();
    let edge = Tensor::<3>::zeros([batch, 1, values], device);
    let seen = seen(side);
    let count = seen.len();
    let seen = Tensor::<1, Int>::from_data(TensorData::new(seen, [count]), device);
    let patches = Tensor::cat(vec![images, edge], 1).select(1, seen);
    patches.reshape([batch * pixels, count / pixels.max(1) * values])
}

/// The nine pixels under the kernel of every pixel, row by row; side² where there is none.
fn seen(side: usize) -> Vec<i32> {
    // The pixels of an image are at most `MAX_DIMENSION`.
    let index = |pixel: usize| i32::try_from(pixel).unwrap_or(i32::MAX);
    // Counted from the first padded row or column, so that nothing is negative.
    let inside = |padded: usize| padded.checked_sub(REACH).filter(|&place| place < side);
    let mut seen = Vec::with_capacity(9 * side * side);
    for row in 0..side {
        for column in 0..side {
            for kernel_row in 0..=2 * REACH {
                for kernel_column in 0..=2 * REACH {
                    let row = inside(row + kernel_row);
                    let pixel = row.zip(inside(column + kernel_column));
                    seen.push(index(
                        pixel.map_or(side * side, |(row, column)| row * side + column),
                    ));
                }
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::device;

    #[test]
    fn a_kernel_sees_its_nine_pixels_row_by_row_and_zeros_beyond_the_edge() {
        // Two images of two by two pixels with two values each: pixel p of image i has 10·i + p and its negative.
        let pixel =
            |image: i32, pixel: i32| [(10 * image + pixel) as f32, -(10 * image + pixel) as f32];
        let values: Vec<f32> =
            [1, 2].iter().flat_map(|&i| (1..=4).flat_map(move |p| pixel(i, p))).collect();
        let images = Tensor::<3>::from_data(TensorData::new(values, [2, 4, 2]), &device());
        let patches = patches(images, 2, &device());
        assert_eq!(patches.dims(), [8, 18]);
        let found: Vec<f32> = patches.into_data().iter::<f32>().collect();
        let expect = |image, seen: [i32; 9]| -> Vec<f32> {
            seen.iter().flat_map(|&p| if p == 0 { [0.0; 2] } else { pixel(image, p) }).collect()
        };
        let around = [
            [0, 0, 0, 0, 1, 2, 0, 3, 4],
            [0, 0, 0, 1, 2, 0, 3, 4, 0],
            [0, 1, 2, 0, 3, 4, 0, 0, 0],
            [1, 2, 0, 3, 4, 0, 0, 0, 0],
        ];
        let expected: Vec<f32> =
            [1, 2].iter().flat_map(|&i| around.iter().flat_map(move |&s| expect(i, s))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_image_of_one_pixel_is_all_edge_but_for_itself() {
        assert_eq!(seen(1), [1, 1, 1, 1, 0, 1, 1, 1, 1]);
    }
}
