"""What may be wrong with the catalogue, or with asking it."""

from shannon_project.foundation.errors import InvalidInput, ShannonError


class CatalogueInvalid(ShannonError):
    """The model catalogue is not valid; the message names the file or row and the key. Whoever edited it."""

    code = "CATALOGUE_INVALID"


class ModelUnknown(InvalidInput):
    """There is no such model or tier for this tenant; `details.known` lists those that there are. The caller's."""

    code = "MODEL_UNKNOWN"
