// {{ m.model.name }}: copy {{ first.pte.file }}{% if m.labels %} and labels.txt{% endif %} into assets/, then paste this file.
// Written by ghostdeploy {{ m.tools.ghostdeploy }}; not compiled on the exporting machine.
import android.graphics.Bitmap
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** `modelPath`: the .pte copied to a real file (context.filesDir), since ExecuTorch maps it by path. */
class ExecuTorchClassifier(modelPath: String) {
    private val module = Module.load(modelPath)

    /** `bitmap` must be {{ m.preprocessing.input_size }}x{{ m.preprocessing.input_size }} (shorter side resized to {{ m.preprocessing.resize }}, centre crop). Returns {{ "probabilities" if m.preprocessing.softmax_inside else "logits" }}. */
    fun classify(bitmap: Bitmap): FloatArray {
        val pixels = IntArray(SIZE * SIZE)
        bitmap.getPixels(pixels, 0, SIZE, 0, 0, SIZE, SIZE)
        val input = FloatArray(3 * SIZE * SIZE)                       // NCHW: one plane a channel
        for (i in pixels.indices) for (c in 0..2) {
            val value = ((pixels[i] shr (16 - 8 * c)) and 0xFF) / 255f
            input[c * SIZE * SIZE + i] = {% if m.preprocessing.normalisation_inside %}value{% else %}(value - MEAN[c]) / STD[c]{% endif %}

        }
        val shape = longArrayOf(1, 3, SIZE.toLong(), SIZE.toLong())
        return module.forward(EValue.from(Tensor.fromBlob(input, shape)))[0].toTensor().dataAsFloatArray
    }

    private companion object {
        const val SIZE = {{ m.preprocessing.input_size }}
{% if not m.preprocessing.normalisation_inside %}
        val MEAN = floatArrayOf({% for v in m.preprocessing.mean %}{{ v }}f{{ ", " if not loop.last }}{% endfor %})
        val STD = floatArrayOf({% for v in m.preprocessing.std %}{{ v }}f{{ ", " if not loop.last }}{% endfor %})
{% endif %}
    }
}
