SELECT codec, inflated, data FROM chunk WHERE id = ?1 AND malkin_sound('disassembly chunk', sum, id, codec, inflated, data)
