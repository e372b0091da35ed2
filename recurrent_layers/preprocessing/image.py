"""The preprocessing of images has its names here, and raises when it is used; see `recurrent_layers.elsewhere`."""

from recurrent_layers.elsewhere import classes_elsewhere, functions_elsewhere

__all__ = [
    "ImageDataGenerator", "array_to_img", "horizontal_flip", "img_to_array", "list_pictures", "load_img",
    "random_barrel_transform", "random_channel_shift", "random_rotation", "random_shear", "random_shift", "random_zoom",
    "vertical_flip",
]  # fmt: skip

(ImageDataGenerator,) = classes_elsewhere(__name__, "ImageDataGenerator")
(array_to_img, horizontal_flip, img_to_array, list_pictures, load_img, random_barrel_transform, random_channel_shift,
 random_rotation, random_shear, random_shift, random_zoom, vertical_flip) = functions_elsewhere(
    __name__, "array_to_img", "horizontal_flip", "img_to_array", "list_pictures", "load_img",
    "random_barrel_transform", "random_channel_shift", "random_rotation", "random_shear", "random_shift",
    "random_zoom", "vertical_flip")  # fmt: skip
