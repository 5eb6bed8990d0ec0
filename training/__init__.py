"""Everything that makes the embedded model `mini`, from the packages of sprites to the folder `sdnb/mini`.

Read in this order: `concepts`, `scenes`, `captions`, `pictures`, `vae`, `text`, `unet`, `export`, `evaluate`,
`__main__`.
"""
