"""From a file to examples and their space, and from answers to a file."""

from keras_ae.data.loading import Data as Data
from keras_ae.data.loading import fingerprint as fingerprint
from keras_ae.data.loading import is_path as is_path
from keras_ae.data.loading import load as load
from keras_ae.data.loading import options_of as options_of
from keras_ae.data.loading import space_of as space_of
from keras_ae.data.writing import check_name as check_name
from keras_ae.data.writing import is_data as is_data
from keras_ae.data.writing import write as write
