"""
Anomalies in a long series
==========================

Two waves with noise and five kinds of disturbances. A series goes in as it is;
every point gets a score from the windows that cover it. (keras.io's example on
time series is off by a window.)
"""

from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

import keras_ae
from keras_ae.zoo.datasets import waves

x, _ = waves(4000, seed=0)
x_test, y_test = waves(1500, anomalies=5, seed=1)

space = keras_ae.spaces.Series.from_series(x, length=32, stride=4)
detector = keras_ae.AnomalyDetector(space, steps=300).fit(x)
scores = detector.anomaly_score(x_test)  # [1500]
print(f"AUROC of points {roc_auc_score(y_test, scores):.3f}")
alarms = detector.predict(x_test) < 0
print(f"{alarms[y_test > 0].mean():.0%} of abnormal points are alarms,")
print(f"{alarms[y_test == 0].mean():.0%} of the others, next to them as a rule")

# %%
# The series with its anomalies shaded, and the score of every point:

figure = Figure(figsize=(9, 4))
top, bottom = figure.subplots(2, 1, sharex=True)
top.plot(x_test, lw=0.8)
top.fill_between(range(1500), -4, 4, where=y_test, alpha=0.2, color="red")
bottom.semilogy(scores, color="black", lw=0.8)
bottom.axhline(-detector.offset_, color="red", lw=0.8)
bottom.set_ylabel("anomaly score")
bottom.set_xlabel("point")
