"""The limits and defaults of a view, for the code that draws worlds and the code that reads recordings of them."""

FOV_DEG = 70.0  # the vertical field of view, unless another is given
FOV_RANGE_DEG = (1.0, 150.0)
MAX_SIDE = 2048  # pixels of a frame's height and width
LOOKS = ("plain", "random")  # of textures, light, fog and view: the same in every episode, or drawn for each
