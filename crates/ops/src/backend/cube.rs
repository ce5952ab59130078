//! Primitives on GPUs: one CubeCL source for wgpu and CUDA.
//!
//! A primitive that has [`Kernels`] launches them on the tensors of the device; nothing comes back to the host. Constants
//! that it needs there (row numbers, price statistics) are computed in double precision on the host and written to the
//! device once per call, narrowed to the type of the tensors.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use burn::backend::cubecl::dtype_to_elem_type;
use burn::backend::{Cube, DispatchDevice, TensorMetadata, tensor::FloatTensor};
use burn::tensor::{DType, Device, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::{FusedBackend, Primitive, PrimitiveInputs, PrimitiveOps};

/// Threads of one group.
const GROUP: u32 = 64;
/// Most groups along one dimension of a launch, on every runtime.
const MOST_GROUPS: u32 = 65_535;

/// What a backward pass knows of its forward pass.
#[derive(Clone, Debug)]
pub struct CubePass<const N: usize> {
    /// The inputs.
    pub inputs: [CubeTensor; N],
    /// What the forward pass returned.
    pub output: CubeTensor,
    /// What it kept.
    pub kept: Vec<CubeTensor>,
    /// Gradient with respect to the output.
    pub cotangent: CubeTensor,
}

/// A primitive's passes on a GPU. All tensors are contiguous, all of one data type.
pub trait Kernels<const N: usize> {
    /// The output and, where it is `tracked`, what the backward pass needs besides inputs and output.
    fn forward(&self, inputs: [CubeTensor; N], tracked: bool) -> (CubeTensor, Vec<CubeTensor>);

    /// The gradients of the inputs that are `wanted`.
    fn backward(&self, pass: CubePass<N>, wanted: [bool; N]) -> [Option<CubeTensor>; N];
}

/// Whether tensors of this device lie on a GPU.
pub(super) fn is_gpu(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Cube(_))
}

/// A tensor on the device of another, of its type, with undefined values.
pub(crate) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), like.dtype)
}

/// [`empty`] for whole numbers.
pub(crate) fn empty_indices<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), DType::U32)
}

/// Numbers on the device of a tensor, rounded once to its type.
pub(crate) fn constants(like: &CubeTensor, values: &[f64]) -> CubeTensor {
    let bytes = match like.dtype {
        DType::F64 => bytemuck::cast_slice(values).to_vec(),
        _ => values.iter().flat_map(|value| (*value as f32).to_ne_bytes()).collect(),
    };
    written(like, &bytes, values.len(), like.dtype)
}

/// [`constants`] that stay on the device as long as the host has them: tables that every step reads.
pub(crate) fn table(like: &CubeTensor, values: &Arc<[f64]>) -> CubeTensor {
    table_of(like, values, like.dtype, |values| constants(like, values))
}

/// What is written of a list of the host, once per device and type.
pub(crate) fn table_of<T: Send + Sync + 'static>(
    like: &CubeTensor,
    values: &Arc<[T]>,
    dtype: DType,
    write: impl FnOnce(&[T]) -> CubeTensor,
) -> CubeTensor {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.retain(|table| table.host.is_held());
    let is_it = |table: &&Table| {
        let on_device = &table.on_device;
        std::ptr::addr_eq(table.host.address(), Arc::as_ptr(values))
            && on_device.device == like.device
            && on_device.dtype == dtype
    };
    if let Some(table) = tables.iter().find(is_it) {
        return table.on_device.clone();
    }
    let on_device = write(values);
    tables.push(Table { host: Box::new(Arc::downgrade(values)), on_device: on_device.clone() });
    on_device
}

/// A table of the host and its copy.
struct Table {
    host: Box<dyn Host>,
    on_device: CubeTensor,
}

/// A list of the host that may be gone.
trait Host: Send {
    fn is_held(&self) -> bool;
    fn address(&self) -> *const ();
}

impl<T: Send + Sync> Host for Weak<[T]> {
    fn is_held(&self) -> bool {
        self.strong_count() > 0
    }

    fn address(&self) -> *const () {
        self.as_ptr().cast()
    }
}

static TABLES: Mutex<Vec<Table>> = Mutex::new(Vec::new());

/// Whole numbers on the device of a tensor.
pub(crate) fn indices(like: &CubeTensor, values: impl IntoIterator<Item = u32>) -> CubeTensor {
    let bytes: Vec<u8> = values.into_iter().flat_map(u32::to_ne_bytes).collect();
    let count = bytes.len() / size_of::<u32>();
    written(like, &bytes, count, DType::U32)
}

fn written(like: &CubeTensor, bytes: &[u8], count: usize, dtype: DType) -> CubeTensor {
    let handle = like.client.create_from_slice(bytes);
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), Shape::from([count]), handle, dtype)
}

/// The type of a tensor's elements, as kernels are told of it.
pub(crate) fn element(tensor: &CubeTensor) -> ElemType {
    dtype_to_elem_type(tensor.dtype)
}

/// How to launch one thread per element; kernels drop threads at or beyond `threads`.
pub(crate) fn launch_of(threads: usize) -> (CubeCount, CubeDim) {
    let groups = (threads as u64).div_ceil(u64::from(GROUP)).max(1);
    let wide = groups.min(u64::from(MOST_GROUPS)) as u32;
    let high = groups.div_ceil(u64::from(wide)) as u32;
    (CubeCount::Static(wide, high, 1), CubeDim::new_1d(GROUP))
}

/// Sums `[outer, count, inner]` over the middle.
#[cube(launch)]
fn sum_middle<F: Float>(
    parts: &Tensor<F>,
    sum: &mut Tensor<F>,
    outer: u32,
    count: u32,
    inner: u32,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= outer * inner {
        terminate!();
    }
    let mut total = F::new(0.0);
    for part in 0..count {
        total += parts[(((index / inner) * count + part) * inner + index % inner) as usize];
    }
    sum[index as usize] = total;
}

/// The sum of `[outer, count, inner]` over the middle, in order.
pub(crate) fn summed<const D: usize>(
    parts: CubeTensor,
    [outer, count, inner]: [usize; 3],
    shape: [usize; D],
) -> CubeTensor {
    let sum = empty(&parts, shape);
    let (groups, group) = launch_of(outer * inner);
    let (client, dtype) = (parts.client.clone(), element(&parts));
    let [rows, count, columns] = [outer, count, inner].map(|size| size as u32);
    sum_middle::launch(
        &client,
        groups,
        group,
        parts.into_tensor_arg(),
        sum.clone().into_tensor_arg(),
        rows,
        count,
        columns,
        dtype,
    );
    sum
}

/// Numbers that one thread adds up: sums of sums lose no more digits than one of this many numbers, for each level.
const ADDED: u32 = 64;

/// Rows of numbers, and the blocks in each.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Blocks {
    rows: u32,
    count: u32,
    per_row: u32,
}

/// Where the `step`-th number of a row is added.
#[cube]
fn place_of(index: u32, step: u32, sizes: &Blocks, #[comptime] reversed: bool) -> usize {
    let mut place = step;
    if reversed {
        place = sizes.count - 1 - step;
    }
    (index / sizes.per_row) as usize * sizes.count as usize + place as usize
}

/// The sum of every block of [`ADDED`] numbers.
#[cube(launch)]
fn sum_blocks<F: Float>(
    parts: &Tensor<F>,
    totals: &mut Tensor<F>,
    sizes: Blocks,
    #[comptime] reversed: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.rows * sizes.per_row {
        terminate!();
    }
    let first = (index % sizes.per_row) * ADDED;
    let mut total = F::new(0.0);
    for step in first..min(first + ADDED, sizes.count) {
        total += parts[place_of(index, step, &sizes, reversed)];
    }
    totals[index as usize] = total;
}

/// Sums from the beginning, given those of the blocks.
#[cube(launch)]
fn sum_rows<F: Float>(
    parts: &Tensor<F>,
    totals: &Tensor<F>,
    sums: &mut Tensor<F>,
    sizes: Blocks,
    #[comptime] reversed: bool,
    #[define(F)] _type: ElemType,
) {
    let index = ABSOLUTE_POS as u32;
    if index >= sizes.rows * sizes.per_row {
        terminate!();
    }
    let block = index % sizes.per_row;
    let mut before = F::new(0.0);
    if block > 0 {
        before = totals[index as usize - 1];
    }
    let first = block * ADDED;
    let mut total = F::new(0.0);
    for step in first..min(first + ADDED, sizes.count) {
        let place = place_of(index, step, &sizes, reversed);
        total += parts[place];
        sums[place] = before + total;
    }
}

/// Sums `[rows, count]` from the beginning of every row up to each number, the number itself included; from its end if
/// `reversed`. In blocks, whose sums are added in blocks, so that half a million small numbers keep their digits in single
/// precision.
pub(crate) fn cumulated(parts: CubeTensor, [rows, count]: [usize; 2], reversed: bool) -> CubeTensor {
    let blocks = count.div_ceil(ADDED as usize);
    let sizes = || BlocksLaunch::new(rows as u32, count as u32, blocks as u32);
    let (client, dtype) = (parts.client.clone(), element(&parts));
    let (groups, group) = launch_of(rows * blocks);
    let mut totals = empty(&parts, [rows, blocks]);
    if blocks > 1 {
        sum_blocks::launch(
            &client,
            groups.clone(),
            group,
            parts.clone().into_tensor_arg(),
            totals.clone().into_tensor_arg(),
            sizes(),
            reversed,
            dtype,
        );
        totals = cumulated(totals, [rows, blocks], false);
    }
    let sums = empty(&parts, [rows, count]);
    sum_rows::launch(
        &client,
        groups,
        group,
        parts.into_tensor_arg(),
        totals.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        sizes(),
        reversed,
        dtype,
    );
    sums
}

impl FusedBackend for Cube {
    type Kept = Vec<CubeTensor>;

    fn forward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        tracked: bool,
    ) -> (FloatTensor<Self>, Self::Kept) {
        let inputs = inputs.map(into_contiguous);
        let shapes = inputs.each_ref().map(TensorMetadata::shape);
        // Refuses shapes that do not fit.
        primitive.output_shape(shapes.each_ref().map(|shape| &**shape));
        kernels(primitive).forward(inputs, tracked)
    }

    fn backward<P: Primitive<N>, const N: usize>(
        primitive: &P,
        inputs: [FloatTensor<Self>; N],
        output: FloatTensor<Self>,
        kept: Self::Kept,
        cotangent: FloatTensor<Self>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<Self>>; N] {
        let inputs = inputs.map(into_contiguous);
        let pass = CubePass { inputs, output, kept, cotangent: into_contiguous(cotangent) };
        kernels(primitive).backward(pass, wanted)
    }
}

fn kernels<P: Primitive<N>, const N: usize>(primitive: &P) -> &dyn Kernels<N> {
    primitive.kernels().unwrap_or_else(|| panic!("{primitive:?} has no kernels for GPUs"))
}

impl PrimitiveOps for Cube {
    fn fused<P: Primitive<N>, const N: usize>(primitive: P, inputs: PrimitiveInputs<Self>) -> CubeTensor {
        Self::forward::<P, N>(&primitive, inputs.into_array(), false).0
    }
}
