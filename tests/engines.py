"""What tests take from the engines, by the same names."""

from recurrent_layers import engine
from recurrent_layers.engine import Mode, get_mode

if engine.NAME == "Theano":
    from theano import change_flags
    from theano import scan as own_scan
    from theano.gof import Op as COp
    from theano.gof.vm import VM_Linker
    from theano.gradient import verify_grad
    from theano.scan_module import until
    from theano.scan_module.scan_op import Scan

    CXXFLAGS = "gcc.cxxflags"
else:
    from pytensor import config
    from pytensor.gradient import verify_grad
    from pytensor.link.c.op import COp
    from pytensor.link.vm import VMLinker as VM_Linker
    from pytensor.scan import until
    from pytensor.scan.basic import scan as own_scan
    from pytensor.scan.op import Scan

    change_flags, CXXFLAGS = config.change_flags, "gcc__cxxflags"

__all__ = ["CXXFLAGS", "COp", "Mode", "Scan", "VM_Linker", "change_flags", "get_mode", "own_scan", "until",
           "verify_grad"]
