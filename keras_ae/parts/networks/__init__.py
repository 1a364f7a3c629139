"""Networks: from a body to a distribution, and bodies by name.

Bodies are ordinary Keras models, tensor in, tensor out. Users reach all of
this as `keras_ae.networks`.
"""

from keras_ae.parts.networks.conv import conv_decoder as conv_decoder
from keras_ae.parts.networks.conv import conv_encoder as conv_encoder
from keras_ae.parts.networks.dense import dense_stack as dense_stack
from keras_ae.parts.networks.dense import gated as gated
from keras_ae.parts.networks.dense import linear as linear
from keras_ae.parts.networks.dense import mlp as mlp
from keras_ae.parts.networks.distribution import (
    DistributionNetwork as DistributionNetwork,
)
from keras_ae.parts.networks.distribution import sizes as sizes
from keras_ae.parts.networks.named import Bodies as Bodies
from keras_ae.parts.networks.named import get as get
from keras_ae.parts.networks.named import pair as pair
from keras_ae.parts.networks.named import register as register
from keras_ae.parts.networks.principal import (
    PrincipalNetwork as PrincipalNetwork,
)
from keras_ae.parts.networks.recurrent import (
    recurrent_decoder as recurrent_decoder,
)
from keras_ae.parts.networks.recurrent import (
    recurrent_encoder as recurrent_encoder,
)
from keras_ae.parts.networks.strided import strided_decoder as strided_decoder
from keras_ae.parts.networks.strided import strided_encoder as strided_encoder
from keras_ae.parts.networks.subpixel import SubPixel as SubPixel
from keras_ae.parts.networks.tied import Transposed as Transposed
from keras_ae.parts.networks.transformer import Positions as Positions
from keras_ae.parts.networks.transformer import (
    transformer_decoder as transformer_decoder,
)
from keras_ae.parts.networks.transformer import (
    transformer_encoder as transformer_encoder,
)

register("linear", linear, linear, ())
register("tied", linear, linear, ())
register("mlp", mlp, mlp, (512, 256))
register("gated", gated, gated, (300, 300))
register("strided", strided_encoder, strided_decoder, (32, 64))
register("conv", conv_encoder, conv_decoder, ())
register("recurrent", recurrent_encoder, recurrent_decoder, (64,))
register("transformer", transformer_encoder, transformer_decoder, (128, 128))
