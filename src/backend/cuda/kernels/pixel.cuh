// Input of kernels whose threads each compute some channels of one output pixel. The host writes in front: In.

DEVICE const In* source_of(const PixelArgs& args, int image, int y, int x, int channel) {
    return static_cast<const In*>(args.input) +
           static_cast<long long>((image * args.height + y) * args.width + x) * args.pitch + channel;
}
