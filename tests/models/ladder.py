"""A backbone that only declares its maps."""

from asgn.models.backbone import Backbone


class Ladder(Backbone):
    """Maps of the strides and channels given; the output is the last one, or joins those named."""

    def __init__(self, strides, between_pixels=False, channels=None, joined=None):
        super().__init__()
        self.strides = strides
        self.channels = channels or {name: 3 + index for index, name in enumerate(strides)}
        self.output = list(strides)[-1]
        self.between_pixels = between_pixels
        if joined is not None:
            self.output, self.joined = "joined", {"joined": joined}
